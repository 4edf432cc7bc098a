//! What the tests of all tools share: a folder, a context, a call.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::memory::{
    AsOf, Entry as MemoryEntry, EntryId, Exchange, Kind, Memory, MemoryError, MemoryHit, MemoryKey,
    MemoryOptions, MemorySearch, Page, Query, Scope, Selector, Write,
};
use ice_core::schema::Validator;
use ice_core::time::{Moment, TestClock, TestIds};
use ice_core::tools::{Grants, ScopeAccess, ScopeGrant, Tool, ToolContext, ToolError, ToolMemory};
use ice_core::value::Value;

/// A folder that may be written, and a context that grants it.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) ctx: ToolContext,
}

impl Bench {
    /// Beside the granted folder lies a file `secret` that is not granted.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("granted")).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        let mut ctx = context();
        ctx.grants = Arc::new(Grants { write: vec![dir.path().join("granted")], ..Grants::default() });
        Self { dir, ctx }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("granted").join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn outside(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

/// The memory of a bench: as the engine gives it, but that nothing is said of runs and nodes.
#[derive(Debug)]
pub(crate) struct BenchMemory {
    pub(crate) memory: Memory,
    grants: Vec<ScopeGrant>,
}

impl BenchMemory {
    fn check(&self, scope: &Scope, access: ScopeAccess) -> Result<(), ToolError> {
        let granted = self.grants.iter().any(|grant| grant.covers(scope.as_str(), access));
        granted.then_some(()).ok_or_else(|| {
            ToolError::refused(ErrorCode::GrantMissing, format!("start the run with `--memory {scope}`"))
        })
    }
}

fn failed(error: MemoryError) -> ToolError {
    ToolError::refused(error.code(), error.to_string())
}

#[async_trait]
impl ToolMemory for BenchMemory {
    fn scopes(&self, access: ScopeAccess) -> Vec<Scope> {
        let granted = self.grants.iter().filter(|grant| access <= grant.access);
        granted.map(|grant| Scope::new(&grant.scope).unwrap()).collect()
    }

    async fn write(&self, write: Write) -> Result<MemoryEntry, ToolError> {
        self.check(&write.scope, ScopeAccess::Write)?;
        self.memory.remember(write).await.map_err(failed)
    }

    async fn get(
        &self,
        scope: &Scope,
        kind: Kind,
        key: &MemoryKey,
        as_of: AsOf,
    ) -> Result<Option<MemoryEntry>, ToolError> {
        self.check(scope, ScopeAccess::Read)?;
        self.memory.get_as_of(scope, kind, key, as_of).await.map_err(failed)
    }

    async fn by_id(&self, id: EntryId) -> Result<Option<MemoryEntry>, ToolError> {
        self.memory.by_id(id).await.map_err(failed)
    }

    async fn list(&self, query: &Query) -> Result<Page, ToolError> {
        query.scopes.iter().try_for_each(|scope| self.check(scope, ScopeAccess::Read))?;
        self.memory.list(query).await.map_err(failed)
    }

    async fn search(&self, search: &MemorySearch) -> Result<Vec<MemoryHit>, ToolError> {
        search.scopes.iter().try_for_each(|scope| self.check(scope, ScopeAccess::Read))?;
        self.memory.search(search).await.map_err(failed)
    }

    async fn forget(&self, selector: &Selector) -> Result<u64, ToolError> {
        self.memory.forget(selector).await.map_err(failed)
    }

    async fn session(&self, name: &str, _: usize) -> Result<Vec<Exchange>, ToolError> {
        self.check(&Scope::of_sessions(), ScopeAccess::Read)?;
        Ok(vec![Exchange { asked: format!("Who is {name}?"), said: "A friend.".to_owned() }])
    }
}

impl Bench {
    /// With an empty memory of which these scopes are granted, written as on the command line.
    pub(crate) async fn remembering(mut self, scopes: &[&str]) -> Self {
        let options = MemoryOptions::in_memory().time(Arc::clone(&self.ctx.clock), Arc::new(TestIds::new(2)));
        let memory = Memory::open(options).await.unwrap();
        let grants = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
        self.ctx.memory = Some(Arc::new(BenchMemory { memory, grants }));
        self
    }

    /// With what these calls of `memory_write` write.
    pub(crate) async fn with(self, writes: &[serde_json::Value]) -> Self {
        for write in writes {
            call(&*crate::memory_write::tool().unwrap(), &self.ctx, write.clone()).await.unwrap();
        }
        self
    }
}

/// A context that grants nothing, at 2026-01-01T00:00:00.123Z.
pub(crate) fn context() -> ToolContext {
    ToolContext::detached(
        RunId::new(&TestIds::new(1)),
        "n".parse().unwrap(),
        Arc::new(TestClock::new(Moment::from_millis(1_767_225_600_123))),
    )
}

/// Calls a tool as the engine does: input and output are checked against the schemas of the spec.
pub(crate) async fn call(
    tool: &dyn Tool,
    ctx: &ToolContext,
    input: serde_json::Value,
) -> Result<serde_json::Value, ToolError> {
    let input = Value::from(input);
    let fits = |schema: &Value, value: &Value, code| {
        Validator::compile(schema).unwrap().validate(value).map_err(|violations| {
            ToolError::refused(code, ice_core::schema::SchemaViolation::join(&violations))
        })
    };
    fits(&tool.spec().input_schema, &input, ErrorCode::ToolInputInvalid)?;
    let output = tool.call(ctx, input).await?;
    fits(&tool.spec().output_schema, &output, ErrorCode::ToolOutputInvalid).unwrap();
    Ok(serde_json::Value::from(&output))
}

/// Calls a tool and compares its output, or the code and a part of the message of its error.
pub(crate) async fn check(
    tool: &dyn Tool,
    ctx: &ToolContext,
    input: serde_json::Value,
    expected: Result<serde_json::Value, (ErrorCode, &str)>,
) {
    let found = call(tool, ctx, input.clone()).await;
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{input}"),
        (Err(error), Err((code, part))) => {
            assert_eq!(error.code, code, "{input}: {error}");
            assert!(error.message.contains(part), "{input}: {error}");
        }
        (found, expected) => panic!("{input}: {found:?} is not {expected:?}"),
    }
}
