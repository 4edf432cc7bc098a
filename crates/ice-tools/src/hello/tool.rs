//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom to greet.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name; `World` if left out.
    #[serde(default = "world")]
    pub name: String,
}

fn world() -> String {
    "World".to_owned()
}

/// The greeting.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `Hello, <name>!`
    pub message: String,
}

/// The tool `hello`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("hello", "1.0.0", "Greets somebody by name.").effect(Effect::Pure).build(run)
}

async fn run(_: ToolContext, input: Input) -> Result<Output, ToolError> {
    Ok(Output { message: format!("Hello, {}!", input.name) })
}
