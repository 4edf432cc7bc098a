//! What the tool takes, gives and does.

use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest wait, in seconds.
const MAX_SECONDS: f64 = 3600.0;

/// How long to wait.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Seconds, 0 to 3600.
    #[schemars(range(min = 0, max = 3600))]
    pub seconds: f64,
}

/// How long it was.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The seconds that were asked for.
    pub seconds: f64,
}

/// The tool `sleep`. A cancel ends the wait at once.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("sleep", "1.0.0", "Waits for a number of seconds, at most an hour.")
        .effect(Effect::Pure)
        // The wait is what it is for, and no result of it.
        .capability(Capability::Nondeterminism)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    if !(0.0..=MAX_SECONDS).contains(&input.seconds) {
        return Err(ToolError::refused(ErrorCode::ToolInputInvalid, "`seconds` is 0 to 3600"));
    }
    tokio::select! {
        biased;
        () = ctx.cancel.cancelled() => Err(ToolError::cancelled().not_started()),
        () = tokio::time::sleep(Duration::from_secs_f64(input.seconds)) => Ok(Output { seconds: input.seconds }),
    }
}
