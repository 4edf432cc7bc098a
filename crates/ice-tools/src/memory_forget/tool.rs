//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::memory::{AsOf, Kind, Selector};
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, ScopeAccess, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::memory::{find, memory, scope, unless_cancelled};

/// What to forget.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it is called: its key, or the id of an entry.
    pub key: String,
    /// The part of memory it belongs to; if left out, the only one that the run may write.
    #[serde(default)]
    pub scope: Option<String>,
    /// The kind; if left out, the first that has the key.
    #[serde(default)]
    pub kind: Option<Kind>,
}

/// What was forgotten.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// How many entries: 0 or 1.
    pub forgotten: u64,
}

/// The tool `memory_forget`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "memory_forget",
        "1.0.0",
        "Forgets what a key stands for. It stays readable as of before, except in working memory.",
    )
    .effect(Effect::Idempotent)
    .capability(Capability::Memory)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let memory = memory(&ctx)?;
    let scope = scope(&**memory, input.scope.as_deref(), ScopeAccess::Write)?;
    let work = async {
        match find(&**memory, &scope, &input.key, input.kind, AsOf::NOW).await? {
            Some(entry) => memory.forget(&Selector::Id(entry.id)).await,
            None => Ok(0),
        }
    };
    Ok(Output { forgotten: unless_cancelled(&ctx, work).await? })
}
