//! What the tool takes, gives and does.

use std::collections::HashMap;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::support::{Decoding, Source, blocking, decode, read_all, units};

/// The most different words that are counted.
const MAX_WORDS: usize = 1_000_000;

/// A text to count: either `path` or `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// A text file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// How many of the most frequent words to return.
    #[serde(default = "ten")]
    pub top: usize,
    /// The fewest characters of a word among the most frequent ones.
    #[serde(default)]
    pub min_length: usize,
}

const fn ten() -> usize {
    10
}

/// The counts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Code points.
    pub characters: usize,
    /// Bytes as UTF-8.
    pub bytes: usize,
    /// Words by the rules of Unicode: no punctuation, numbers included.
    pub words: usize,
    /// Different words, upper and lower case alike.
    pub unique_words: usize,
    /// Lines; the last needs no line end.
    pub lines: usize,
    /// Sentences by the rules of Unicode.
    pub sentences: usize,
    /// Runs of lines that are not empty.
    pub paragraphs: usize,
    /// The mean length of a word, in code points; 0 without words.
    pub average_word_length: f64,
    /// The most frequent words in lower case, the most frequent first, equally frequent ones in the order of their
    /// letters.
    pub top_words: Vec<WordCount>,
}

/// A word and how often it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WordCount {
    /// The word, in lower case.
    pub word: String,
    /// How often.
    pub count: usize,
}

/// The tool `text_stats`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "text_stats",
        "1.0.0",
        "Counts characters, words, lines, sentences and the most frequent words of a text.",
    )
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
        count(ctx, &text, input.top, input.min_length)
    })
    .await
}

#[expect(clippy::cast_precision_loss, reason = "a text has fewer than 2^53 characters")]
fn count(ctx: &ToolContext, text: &str, top: usize, min_length: usize) -> Result<Output, ToolError> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let (mut words, mut letters) = (0, 0);
    for word in text.unicode_words() {
        words += 1;
        letters += word.chars().count();
        *counts.entry(word.to_lowercase()).or_default() += 1;
        if counts.len() > MAX_WORDS {
            let message = format!("there are more than {MAX_WORDS} different words");
            return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        }
        if words % 1024 == 0 && ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
    }
    let unique_words = counts.len();
    let mut top_words: Vec<WordCount> = counts
        .into_iter()
        .filter(|(word, _)| word.chars().count() >= min_length)
        .map(|(word, count)| WordCount { word, count })
        .collect();
    top_words.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
    top_words.truncate(top.min(ctx.limits.max_items));
    Ok(Output {
        characters: text.chars().count(),
        bytes: text.len(),
        words,
        unique_words,
        lines: text.lines().count(),
        sentences: units::sentences(text).count(),
        paragraphs: units::paragraphs(text).count(),
        average_word_length: if words == 0 { 0.0 } else { letters as f64 / words as f64 },
        top_words,
    })
}
