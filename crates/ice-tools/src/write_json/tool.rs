//! What the tool takes, gives and does.

use std::io::Write;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::access::{WriteMode, write};
use crate::support::blocking;
use crate::write_text::Output;

/// A value to write.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, within a granted folder. Missing folders are made.
    pub path: String,
    /// The value.
    pub value: Value,
    /// Whether it is indented. Appended values stand on one line each, whatever this says.
    #[serde(default = "yes")]
    pub pretty: bool,
    /// `create` refuses a file that exists with other content, `overwrite` replaces it as a whole, `append` writes
    /// a line behind its end (JSON Lines).
    #[serde(default)]
    #[schemars(with = "WriteMode")]
    pub(crate) mode: WriteMode,
}

const fn yes() -> bool {
    true
}

/// The tool `write_json`. Appending is irreversible; the other modes can be repeated.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "write_json",
        "1.0.0",
        "Writes a value into a JSON or JSON Lines file within the granted folders.",
    )
    .effect(Effect::Irreversible)
    .effect_of(crate::write_text::effect)
    .capability(Capability::WriteFiles)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let mut content = Bounded { bytes: Vec::new(), left: ctx.limits.max_write_bytes };
        let written = if input.pretty && input.mode != WriteMode::Append {
            serde_json::to_writer_pretty(&mut content, &input.value)
        } else {
            serde_json::to_writer(&mut content, &input.value)
        };
        written.map_err(|error| {
            ToolError::refused(ErrorCode::FileTooLarge, format!("`{}`: {error}", input.path))
        })?;
        content.bytes.push(b'\n');
        let written = write(ctx, &input.path, &content.bytes, input.mode)?;
        Ok(Output { path: input.path, bytes: written.size, existed: written.existed })
    })
    .await
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    left: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| std::io::Error::other("the value is larger than what may be written"))?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
