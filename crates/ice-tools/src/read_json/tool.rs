//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{Decoding, Source, blocking, decode, parse, parse_lines, read_all};

/// JSON to read: either `path` or `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// The text itself.
    #[serde(default)]
    pub text: Option<String>,
    /// Whether every line is a document of its own (JSON Lines); the value is then their list.
    #[serde(default)]
    pub lines: bool,
}

/// The value.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The value.
    pub value: Value,
}

/// The tool `read_json`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("read_json", "1.0.0", "Reads the value of a JSON or JSON Lines file or text.")
        .effect(Effect::Idempotent)
        .effect_of(crate::support::reading_effect)
        .capability(Capability::ReadFiles)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let source = Source::open(ctx, input.path.as_deref(), input.text)?;
        let name = source.name.clone();
        let text = decode(&name, read_all(source)?, &Decoding::default())?;
        let value = if input.lines { parse_lines(ctx, &name, &text)? } else { parse(&name, &text)? };
        Ok(Output { value })
    })
    .await
}
