//! What a tool is given with each call.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Grants, ToolMemory};
use crate::id::{RunId, Tenant};
use crate::path::NodePath;
use crate::process::{Isolation, ProcessHost};
use crate::time::Clock;
use crate::value::Value;

/// Takes transient progress of a call: shown live, never journaled.
pub trait ProgressSink: Send + Sync + fmt::Debug {
    /// Reports progress. Must not block.
    fn report(&self, progress: Value);
}

/// Bounds that every tool observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolLimits {
    /// The largest file or body a tool reads, in bytes.
    pub max_read_bytes: u64,
    /// The largest file or body a tool writes, in bytes.
    pub max_write_bytes: u64,
    /// The most rows, entries or matches a tool returns.
    pub max_items: usize,
}

impl Default for ToolLimits {
    /// 64 MiB read, 64 MiB written, 100,000 items.
    fn default() -> Self {
        Self { max_read_bytes: 64 << 20, max_write_bytes: 64 << 20, max_items: 100_000 }
    }
}

/// What a tool is given with each call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// The owner of the run.
    pub tenant: Tenant,
    /// The run.
    pub run: RunId,
    /// The node, or the step within it.
    pub path: NodePath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Fires when the call must end.
    pub cancel: CancellationToken,
    /// What may be touched.
    pub grants: Arc<Grants>,
    /// Bounds of this call.
    pub limits: ToolLimits,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Runs programs on behalf of the call, if anything does.
    pub processes: Option<Arc<dyn ProcessHost>>,
    /// Where tools that touch files or the network do their work, if they leave the choice.
    pub isolation: Isolation,
    /// Where progress goes.
    pub progress: Option<Arc<dyn ProgressSink>>,
    /// The memory of the tenant as far as the run was granted scopes of it, if the engine has one. Never in a cage.
    pub memory: Option<Arc<dyn ToolMemory>>,
}

impl ToolContext {
    /// The key under which repeating this call has no further effect: the same for every attempt and after a
    /// crash, `<run>/<path>`.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}", self.run, self.path)
    }

    /// Reports progress, if somebody listens.
    pub fn report(&self, progress: Value) {
        if let Some(sink) = &self.progress {
            sink.report(progress);
        }
    }

    /// A context for calling a tool outside of a run, as in tests: nothing granted, never cancelled.
    #[must_use]
    pub fn detached(run: RunId, path: NodePath, clock: Arc<dyn Clock>) -> Self {
        Self {
            tenant: Tenant::default(),
            run,
            path,
            attempt: 1,
            cancel: CancellationToken::new(),
            grants: Arc::new(Grants::default()),
            limits: ToolLimits::default(),
            clock,
            processes: None,
            isolation: Isolation::default(),
            progress: None,
            memory: None,
        }
    }
}
