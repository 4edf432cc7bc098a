//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{WriteMode, write};
use crate::support::blocking;

/// A file to write.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, within a granted folder. A relative path lies in the first granted folder that has its parent
    /// folder, else in the first granted folder. Missing folders are made.
    pub path: String,
    /// The text, written as UTF-8.
    pub text: String,
    /// `create` refuses a file that exists with other content, `overwrite` replaces it as a whole, `append` writes
    /// behind its end.
    #[serde(default)]
    #[schemars(with = "WriteMode")]
    pub(crate) mode: WriteMode,
}

/// What was written.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The path, as it was given.
    pub path: String,
    /// The size of the file now, in bytes.
    pub bytes: u64,
    /// Whether there was a file before.
    pub existed: bool,
}

/// The tool `write_text`. Appending is irreversible; the other modes can be repeated.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "write_text",
        "1.0.0",
        "Writes a text into a file within the granted folders, at once or not at all.",
    )
    .effect(Effect::Irreversible)
    .effect_of(effect)
    .capability(Capability::WriteFiles)
    .build(run)
}

/// The effect of a writing tool by its `mode`.
pub(crate) fn effect(input: &Value) -> Effect {
    match input.get("mode").map(Value::as_str) {
        None | Some(Some("create" | "overwrite")) => Effect::Idempotent,
        Some(_) => Effect::Irreversible,
    }
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let written = write(ctx, &input.path, input.text.as_bytes(), input.mode)?;
        Ok(Output { path: input.path, bytes: written.size, existed: written.existed })
    })
    .await
}
