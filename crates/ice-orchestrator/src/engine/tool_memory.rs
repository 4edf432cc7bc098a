//! The memory that tools of a run are given: within what the run was granted, and written in its name.

use std::sync::Arc;

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::memory::{
    AsOf, Entry, EntryId, Exchange, Kind, Memory, MemoryError, MemoryHit, MemoryKey, MemorySearch, Page,
    Provenance, Query, Scope, Selector, Write,
};
use ice_core::path::NodePath;
use ice_core::process::ScopeAccess;
use ice_core::tools::{Capability, ToolError, ToolMemory, ToolSpec};
use ice_core::value::BlobHash;

use super::memory::granted;
use super::run::RunShared;

/// The memory of one call of a tool.
#[derive(Debug)]
struct RunMemory {
    shared: Arc<RunShared>,
    path: NodePath,
}

impl RunShared {
    /// The memory for a call of a tool at an address; none for tools that do not say that they use it.
    pub(super) fn memory_for(
        self: &Arc<Self>,
        spec: &ToolSpec,
        path: &NodePath,
    ) -> Option<Arc<dyn ToolMemory>> {
        let memory = || RunMemory { shared: Arc::clone(self), path: path.clone() };
        spec.capabilities.contains(&Capability::Memory).then(|| Arc::new(memory()) as _)
    }
}

impl RunMemory {
    async fn memory(&self) -> Result<Memory, ToolError> {
        self.shared.engine.memory(&self.shared.tenant).await.map_err(failed)
    }

    fn check(&self, scope: &Scope, access: ScopeAccess) -> Result<(), ToolError> {
        if self.shared.grants.memory.iter().any(|grant| grant.covers(scope.as_str(), access)) {
            return Ok(());
        }
        let (what, flag) = match access {
            ScopeAccess::Read => ("read", ":ro"),
            ScopeAccess::Write => ("written", ""),
        };
        let message = format!(
            "the scope `{scope}` of memory may not be {what}: start the run with `--memory '{scope}{flag}'`"
        );
        Err(ToolError::refused(ErrorCode::GrantMissing, message))
    }

    fn check_all(&self, scopes: &[Scope]) -> Result<(), ToolError> {
        scopes.iter().try_for_each(|scope| self.check(scope, ScopeAccess::Read))
    }
}

#[async_trait]
impl ToolMemory for RunMemory {
    fn scopes(&self, access: ScopeAccess) -> Vec<Scope> {
        granted(&self.shared.grants, access)
    }

    async fn write(&self, write: Write) -> Result<Entry, ToolError> {
        self.check(&write.scope, ScopeAccess::Write)?;
        // Paths may be longer than keys.
        let idempotency = BlobHash::of(format!("{}/{}", self.shared.run, self.path).as_bytes());
        let source = Provenance {
            run: Some(self.shared.run),
            node: Some(self.path.clone()),
            idempotency: Some(format!("call:{idempotency}")),
            ..write.source
        };
        self.memory().await?.remember(Write { source, ..write }).await.map_err(failed)
    }

    async fn get(
        &self,
        scope: &Scope,
        kind: Kind,
        key: &MemoryKey,
        as_of: AsOf,
    ) -> Result<Option<Entry>, ToolError> {
        self.check(scope, ScopeAccess::Read)?;
        self.memory().await?.get_as_of(scope, kind, key, as_of).await.map_err(failed)
    }

    async fn by_id(&self, id: EntryId) -> Result<Option<Entry>, ToolError> {
        let found = self.memory().await?.by_id(id).await.map_err(failed)?;
        Ok(found.filter(|entry| self.check(&entry.scope, ScopeAccess::Read).is_ok()))
    }

    async fn list(&self, query: &Query) -> Result<Page, ToolError> {
        self.check_all(&query.scopes)?;
        self.memory().await?.list(query).await.map_err(failed)
    }

    async fn search(&self, search: &MemorySearch) -> Result<Vec<MemoryHit>, ToolError> {
        self.check_all(&search.scopes)?;
        self.memory().await?.search(search).await.map_err(failed)
    }

    async fn forget(&self, selector: &Selector) -> Result<u64, ToolError> {
        let memory = self.memory().await?;
        match selector {
            Selector::Id(id) => match memory.by_id(*id).await.map_err(failed)? {
                Some(entry) => self.check(&entry.scope, ScopeAccess::Write)?,
                None => return Ok(0),
            },
            Selector::Key { scope, .. } | Selector::Like { scope, .. } => {
                self.check(scope, ScopeAccess::Write)?;
            }
            Selector::Person(_) => {
                let message = "a run forgets within scopes that it was granted; `ice memory forget --person` \
                               forgets a person everywhere";
                return Err(ToolError::refused(ErrorCode::GrantMissing, message));
            }
        }
        memory.forget(selector).await.map_err(failed)
    }

    async fn session(&self, name: &str, last: usize) -> Result<Vec<Exchange>, ToolError> {
        self.check(&Scope::of_sessions(), ScopeAccess::Read)?;
        let session = self.shared.session(name);
        match &self.shared.engine.sessions {
            Some(own) => own
                .recall(&session, last)
                .await
                .map_err(|error| ToolError::failed(ErrorCode::StoreUnavailable, error.to_string())),
            None => self.memory().await?.exchanges(&session, last).await.map_err(failed),
        }
    }
}

fn failed(error: MemoryError) -> ToolError {
    let (code, message) = (error.code(), error.to_string());
    match error {
        MemoryError::Conflict { .. } => ToolError::refused(code, message).retryable(true),
        MemoryError::Closed | MemoryError::Store(_) => ToolError::failed(code, message),
        MemoryError::Invalid { .. }
        | MemoryError::Guarantee { .. }
        | MemoryError::Budget { .. }
        | MemoryError::TakenBack { .. }
        | MemoryError::NotFound { .. }
        | MemoryError::Disabled(_)
        | MemoryError::Index { .. } => ToolError::refused(code, message),
    }
}
