//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::tokens::EstimatingCounter;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ingest::{Chunking, Document, Format, Limits, Observer, Place};
use crate::support::{Source, blocking, read_all};

/// A document to read, either `path` or `text`, and how to cut it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// A file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// The document itself, if it is text.
    #[serde(default)]
    pub text: Option<String>,
    /// What kind of document it is; found by `media_type`, then by the ending of `path`, if it is left out.
    #[serde(default)]
    pub format: Option<Format>,
    /// Its media type, such as `text/html`.
    #[serde(default)]
    pub media_type: Option<String>,
    /// The label of its encoding, as in HTML; UTF-8 unless it says otherwise itself.
    #[serde(default)]
    pub encoding: Option<String>,
    /// The most characters or tokens of a piece, 1 to 1,000,000.
    #[serde(default = "two_thousand")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub size: u64,
    /// The most that a piece shares with the one before; less than `size`.
    #[serde(default)]
    pub overlap: u64,
    /// What `size` and `overlap` count.
    #[serde(default)]
    pub by: By,
    /// The number of a piece: only those behind it are given.
    #[serde(default)]
    pub after: Option<u64>,
    /// The most pieces to give.
    #[serde(default)]
    pub limit: Option<usize>,
}

const fn two_thousand() -> u64 {
    2000
}

/// What a piece is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Characters.
    #[default]
    Chars,
    /// Tokens, estimated as a quarter of the characters.
    Tokens,
}

/// The pieces.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What kind of document it was read as.
    pub format: Format,
    /// The BLAKE3 hash of the document, 64 hex digits.
    pub hash: String,
    /// The pieces, in the order of the document.
    pub chunks: Vec<Piece>,
    /// How many there are here.
    pub count: usize,
    /// Whether others follow: go on with `after` as the last `index`.
    pub more: bool,
}

/// A piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Piece {
    /// Its number, from 0.
    pub index: u64,
    /// Its text.
    pub text: String,
    /// The BLAKE3 hash of its text, 64 hex digits.
    pub hash: String,
    /// The part of the document in which it begins.
    pub start: Place,
    /// The part in which it ends.
    pub end: Place,
}

/// The tool `extract_text`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "extract_text",
        "1.0.0",
        "Reads the text of a document (text, Markdown, HTML, CSV, JSON, PDF) in pieces that know their places.",
    )
    .effect(Effect::Idempotent)
    .effect_of(crate::support::reading_effect)
    .capability(Capability::ReadFiles)
    .build(run)
}

/// Tells how far it is, at most a hundred times.
struct Reporting<'c> {
    ctx: &'c ToolContext,
    told: std::sync::atomic::AtomicU64,
}

impl Observer for Reporting<'_> {
    fn is_stopped(&self) -> bool {
        self.ctx.cancel.is_cancelled()
    }

    fn progressed(&self, done: u64, of: u64) {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
        if self.told.fetch_max(percent, std::sync::atomic::Ordering::Relaxed) < percent {
            self.ctx.report(Value::map([("percent", Value::from(percent))]));
        }
    }
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| extract(ctx, input)).await
}

fn extract(ctx: &ToolContext, input: Input) -> Result<Output, ToolError> {
    let how = match input.by {
        By::Chars => Chunking::characters(input.size, input.overlap)?,
        By::Tokens => Chunking::tokens(input.size, input.overlap, Arc::new(EstimatingCounter), None)?,
    };
    let bytes = read_all(Source::open(ctx, input.path.as_deref(), input.text)?)?;
    let format = match input.format {
        Some(format) => format,
        None if input.path.is_none() && input.media_type.is_none() => Format::Text,
        None => Format::of(input.path.as_deref(), input.media_type.as_deref(), &bytes)?,
    };
    let limits = Limits {
        input_bytes: ctx.limits.max_read_bytes,
        output_bytes: ctx.limits.max_read_bytes,
        ..Limits::default()
    };
    let reporting = Reporting { ctx, told: std::sync::atomic::AtomicU64::new(0) };
    let document = Document::read(bytes, format, input.encoding.as_deref(), &limits, &reporting)?;

    let wanted = input.limit.unwrap_or(usize::MAX);
    let mut chunks = Vec::new();
    let mut made = 0_u64;
    let mut more = false;
    for chunk in document.chunks(how).after(input.after) {
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        if chunks.len() >= wanted {
            more = true;
            break;
        }
        made = made.saturating_add(chunk.text.len() as u64);
        if chunks.len() >= ctx.limits.max_items || made > ctx.limits.max_read_bytes {
            let message = format!(
                "the pieces are more than {} or have more than {} bytes in all: raise `size`, lower `overlap`, or ask for \
                 them with `limit` and `after`",
                ctx.limits.max_items, ctx.limits.max_read_bytes
            );
            return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        }
        let (index, text, hash) = (chunk.index, chunk.text, chunk.hash);
        chunks.push(Piece { index, text, hash, start: chunk.start, end: chunk.end });
    }
    let hash = document.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Output { format, hash, count: chunks.len(), chunks, more })
}
