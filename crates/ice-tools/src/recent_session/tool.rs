//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::memory::{Filter, Kind, Query, Scope};
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::memory::{Remembered, invalid, memory, unless_cancelled};

/// Which session.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The session, as the input `session` of runs names it.
    pub session_id: String,
    /// The part of memory. In `sessions` there is what nodes that are aware of memory said in this workflow; in any other, the
    /// entries with the tag `session:` and the name of the session are meant.
    #[serde(default = "sessions")]
    pub scope: String,
    /// The most exchanges or entries, 1 to 100.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
}

fn sessions() -> String {
    Scope::of_sessions().to_string()
}

const fn five() -> usize {
    5
}

/// What was said in the session.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was asked and said last, the oldest first.
    pub exchanges: Vec<Said>,
    /// What else was remembered with the tag of the session, the newest first.
    pub entries: Vec<Remembered>,
}

/// What a model was asked and said.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Said {
    /// What it was asked.
    pub asked: String,
    /// What it said.
    pub said: String,
}

/// The tool `recent_session`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("recent_session", "1.0.0", "Tells what was said last in a session.")
        .effect(Effect::Idempotent)
        .capability(Capability::Memory)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let memory = memory(&ctx)?;
    let limit = input.limit.clamp(1, 100);
    let scope = Scope::new(&input.scope).map_err(|error| invalid(error.to_string()))?;
    if scope == Scope::of_sessions() {
        let found = unless_cancelled(&ctx, memory.session(&input.session_id, limit)).await?;
        let said = found.into_iter().map(|exchange| Said { asked: exchange.asked, said: exchange.said });
        return Ok(Output { exchanges: said.collect(), entries: Vec::new() });
    }
    let filter = Filter { tags: vec![format!("session:{}", input.session_id)], ..Filter::default() };
    let query = Query { kinds: Kind::ALL.to_vec(), ..Query::of(scope, Kind::Episodic) };
    let page = unless_cancelled(&ctx, memory.list(&query.filter(filter).limit(limit))).await?;
    Ok(Output { exchanges: Vec::new(), entries: page.entries.into_iter().map(Remembered::from).collect() })
}
