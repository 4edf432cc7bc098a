//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::memory::Kind;
use ice_core::time::Moment;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, ScopeAccess, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::memory::{Remembered, as_of, find, memory, scope, unless_cancelled};

/// What to look up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it is called: its key, or the id of an entry.
    pub key: String,
    /// The part of memory it belongs to; if left out, the only one that the run may read.
    #[serde(default)]
    pub scope: Option<String>,
    /// The kind; if left out, all are looked in.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// As it was known at this moment, for example `2026-01-31T12:00:00Z`.
    #[serde(default)]
    pub as_of: Option<Moment>,
}

/// What the key stands for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Whether there is anything.
    pub found: bool,
    /// The entry; null if there is none.
    pub entry: Option<Remembered>,
}

/// The tool `memory_read`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "memory_read",
        "1.0.0",
        "Looks up in memory what a key stands for, now or at an earlier time.",
    )
    .effect(Effect::Idempotent)
    .capability(Capability::Memory)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let memory = memory(&ctx)?;
    let scope = scope(&**memory, input.scope.as_deref(), ScopeAccess::Read)?;
    let found = find(&**memory, &scope, &input.key, input.kind, as_of(input.as_of));
    let entry = unless_cancelled(&ctx, found).await?.map(Remembered::from);
    Ok(Output { found: entry.is_some(), entry })
}
