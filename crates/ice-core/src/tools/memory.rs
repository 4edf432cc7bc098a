//! The port for tools that use memory. Who they write for, and which scopes they may touch, is settled by whoever makes it.

use std::fmt;

use async_trait::async_trait;

use super::{ScopeAccess, ToolError};
use crate::memory::{
    AsOf, Entry, EntryId, Exchange, Kind, MemoryHit, MemoryKey, MemorySearch, Page, Query, Scope, Selector,
    Write,
};

/// The memory of a run's tenant as a call of a tool may use it. Every method refuses scopes that the run was not granted
/// with [`ErrorCode::GrantMissing`](crate::error::ErrorCode::GrantMissing).
///
/// Reading is cancel-safe. A write or a removal whose future is dropped may or may not be done.
///
/// ```
/// use ice_core::id::RunId;
/// use ice_core::time::{SystemClock, SystemIds};
/// use ice_core::tools::ToolContext;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Outside of a run there is no memory: a tool says so, and remembers nothing.
/// let context = ToolContext::detached(RunId::new(&SystemIds), "note".parse()?, std::sync::Arc::new(SystemClock));
/// assert!(context.memory.is_none());
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait ToolMemory: Send + Sync + fmt::Debug {
    /// The scopes with which this may be done.
    fn scopes(&self, access: ScopeAccess) -> Vec<Scope>;

    /// Remembers something. Its source is replaced by the run, the node and the key of the call, so that the same call writes
    /// once, however often it is made.
    ///
    /// # Errors
    /// [`ToolError`]; nothing was written if it says so.
    async fn write(&self, write: Write) -> Result<Entry, ToolError>;

    /// What a key stands for, or stood for.
    ///
    /// # Errors
    /// [`ToolError`] if it cannot be read.
    async fn get(
        &self,
        scope: &Scope,
        kind: Kind,
        key: &MemoryKey,
        as_of: AsOf,
    ) -> Result<Option<Entry>, ToolError>;

    /// An entry by its id; nothing if it is in a scope that was not granted.
    ///
    /// # Errors
    /// [`ToolError`] if it cannot be read.
    async fn by_id(&self, id: EntryId) -> Result<Option<Entry>, ToolError>;

    /// Entries by their properties, the newest first.
    ///
    /// # Errors
    /// [`ToolError`] if they cannot be read.
    async fn list(&self, query: &Query) -> Result<Page, ToolError>;

    /// Entries by what they say, the best first.
    ///
    /// # Errors
    /// [`ToolError`] if they cannot be searched.
    async fn search(&self, search: &MemorySearch) -> Result<Vec<MemoryHit>, ToolError>;

    /// Forgets what is selected in one scope; says how much it was.
    ///
    /// # Errors
    /// [`ToolError`], also if the selection reaches over several scopes.
    async fn forget(&self, selector: &Selector) -> Result<u64, ToolError>;

    /// The last exchanges of a session of the run's workflow, the oldest first. Needs the scope of sessions.
    ///
    /// # Errors
    /// [`ToolError`] if they cannot be read.
    async fn session(&self, name: &str, last: usize) -> Result<Vec<Exchange>, ToolError>;
}
