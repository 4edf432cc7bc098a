//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{Decoding, Source, blocking, decode, read_all};

/// A file to read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, within a granted folder. A relative path is looked for in each granted folder in turn.
    pub path: String,
    /// The encoding, for example `utf-8`, `utf-16le`, `windows-1252`. UTF-8 if left out; a byte order mark rules.
    #[serde(default)]
    pub encoding: Option<String>,
    /// Whether bytes that do not fit the encoding become U+FFFD instead of an error.
    #[serde(default)]
    pub replace_invalid: bool,
}

/// The text of the file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The text, without a byte order mark.
    pub text: String,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The number of lines; the last needs no line end.
    pub lines: usize,
}

/// The tool `read_text`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("read_text", "1.0.0", "Reads a text file within the granted folders.")
        .effect(Effect::Idempotent)
        .capability(Capability::ReadFiles)
        .build(read)
}

async fn read(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let source = Source::open(ctx, Some(&input.path), None)?;
        let name = source.name.clone();
        let bytes = read_all(source)?;
        let size = bytes.len() as u64;
        let how = Decoding { encoding: input.encoding, replace_invalid: input.replace_invalid };
        let text = decode(&name, bytes, &how)?;
        Ok(Output { bytes: size, lines: text.lines().count(), text })
    })
    .await
}
