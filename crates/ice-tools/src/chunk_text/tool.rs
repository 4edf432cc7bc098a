//! What the tool takes, gives and does.

use std::ops::Range;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{Decoding, Source, Windows, blocking, decode, read_all, units};

/// The largest piece, in units.
const MAX_SIZE: usize = 1_000_000;

/// A text to cut: either `path` or `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// A text file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// The units of a piece, 1 to 1,000,000.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub size: usize,
    /// The units that a piece shares with the one before; fewer than `size`.
    #[serde(default)]
    pub overlap: usize,
    /// What a unit is.
    #[serde(default)]
    pub by: Unit,
}

const fn thousand() -> usize {
    1000
}

/// What a text is cut into. Pieces are never cut within a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Characters as people count them: a letter with its marks, an emoji of several parts.
    #[default]
    Chars,
    /// Words between white space.
    Words,
    /// Sentences by the rules of Unicode.
    Sentences,
    /// Lines between empty lines.
    Paragraphs,
}

/// The pieces.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The pieces, in the order of the text.
    pub chunks: Vec<Chunk>,
    /// How many there are.
    pub count: usize,
}

/// A piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Chunk {
    /// Its number, from 0.
    pub index: usize,
    /// Its text, as it stands, without the white space around it (but for `chars`).
    pub text: String,
    /// Where it begins, in code points from the beginning of the text.
    pub start: usize,
    /// Where it ends, in code points.
    pub end: usize,
}

/// The tool `chunk_text`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "chunk_text",
        "1.0.0",
        "Cuts a text into pieces of so many characters, words, sentences or paragraphs.",
    )
    .effect(Effect::Idempotent)
    .effect_of(crate::support::reading_effect)
    .capability(Capability::ReadFiles)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let invalid = |message: String| Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
    if input.size == 0 || input.size > MAX_SIZE {
        return invalid(format!("`size` is 1 to {MAX_SIZE}"));
    }
    if input.overlap >= input.size {
        return invalid("`overlap` must be less than `size`".to_owned());
    }
    blocking(&ctx, move |ctx| {
        let source = Source::open(ctx, input.path.as_deref(), input.text)?;
        let name = source.name.clone();
        let text = decode(&name, read_all(source)?, &Decoding::default())?;
        let units: Box<dyn Iterator<Item = Range<usize>>> = match input.by {
            Unit::Chars => Box::new(units::characters(&text)),
            Unit::Words => Box::new(units::words(&text)),
            Unit::Sentences => Box::new(units::sentences(&text)),
            Unit::Paragraphs => Box::new(units::paragraphs(&text)),
        };
        let mut cutter = Cutter { ctx, text: &text, chunks: Vec::new(), bytes: 0, at: (0, 0) };
        cutter.cut(units, input.size, input.overlap)?;
        Ok(Output { count: cutter.chunks.len(), chunks: cutter.chunks })
    })
    .await
}

struct Cutter<'c> {
    ctx: &'c ToolContext,
    text: &'c str,
    chunks: Vec<Chunk>,
    /// The bytes of all pieces so far.
    bytes: u64,
    /// A place of the text in bytes and in code points, from which to count on.
    at: (usize, usize),
}

impl Cutter<'_> {
    fn cut(
        &mut self,
        units: impl Iterator<Item = Range<usize>>,
        size: usize,
        overlap: usize,
    ) -> Result<(), ToolError> {
        let mut windows = Windows::new(size as u64, overlap as u64);
        for unit in units {
            if let Some(full) = windows.add(unit, 1) {
                self.push(&full)?;
            }
        }
        windows.finish().map_or(Ok(()), |last| self.push(&last))
    }

    fn push(&mut self, window: &Range<usize>) -> Result<(), ToolError> {
        if self.ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        let text = self.text.get(window.clone()).unwrap_or_default();
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        let limits = &self.ctx.limits;
        if self.chunks.len() >= limits.max_items || self.bytes > limits.max_read_bytes {
            let message = format!(
                "the pieces are more than {} or have more than {} bytes in all: raise `size`, or lower `overlap`",
                limits.max_items, limits.max_read_bytes
            );
            return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        }
        let start = self.code_points(window.start);
        let end = start + text.chars().count();
        self.chunks.push(Chunk { index: self.chunks.len(), text: text.to_owned(), start, end });
        Ok(())
    }

    fn code_points(&mut self, byte: usize) -> usize {
        let (known, count) = self.at;
        let more = self.text.get(known..byte).map_or(0, |between| between.chars().count());
        self.at = (byte, count + more);
        count + more
    }
}
