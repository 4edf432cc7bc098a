//! What the tests of all tools share: a folder, a context, a call.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::schema::Validator;
use ice_core::time::{Moment, TestClock, TestIds};
use ice_core::tools::{Grants, Tool, ToolContext, ToolError};
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
