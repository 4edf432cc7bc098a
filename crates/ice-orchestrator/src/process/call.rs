//! What an engine and a guest tell each other: one document in, lines of documents out.

use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::path::NodePath;
use ice_core::process::Grants;
use ice_core::tools::{Started, ToolContext, ToolLimits};
use ice_core::value::Value;
use serde::{Deserialize, Serialize};

/// The version of these documents. Both sides are the same program, unless its file was replaced while it ran.
pub(super) const PROTOCOL: u32 = 1;

/// A call of a tool.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) protocol: u32,
    pub(super) tool: String,
    pub(super) surroundings: Surroundings,
    pub(super) input: Value,
}

/// What of its context a tool is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Surroundings {
    pub(super) tenant: Tenant,
    pub(super) run: RunId,
    pub(super) path: NodePath,
    pub(super) attempt: u32,
    pub(super) grants: Grants,
    /// The bits that new files do not get, as outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) umask: Option<u32>,
    max_read_bytes: u64,
    max_write_bytes: u64,
    max_items: usize,
}

impl Surroundings {
    pub(super) fn of(ctx: &ToolContext, grants: &Grants) -> Self {
        let ToolLimits { max_read_bytes, max_write_bytes, max_items } = ctx.limits;
        Self {
            tenant: ctx.tenant.clone(),
            run: ctx.run,
            path: ctx.path.clone(),
            attempt: ctx.attempt,
            grants: grants.clone(),
            umask: umask(),
            max_read_bytes,
            max_write_bytes,
            max_items,
        }
    }

    pub(super) const fn limits(&self) -> ToolLimits {
        ToolLimits {
            max_read_bytes: self.max_read_bytes,
            max_write_bytes: self.max_write_bytes,
            max_items: self.max_items,
        }
    }
}

/// The file mode creation mask of this process, where the system tells without changing it.
fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(mask.trim(), 8).ok()
}

/// A line of a guest: progress, then one of the others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Progress(Value),
    Output(Value),
    Error(Fault),
}

/// A failed call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) started: Started,
    pub(super) retryable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_after_ms: Option<u64>,
}
