//! The port for counting tokens, and a deterministic estimate that needs no vocabulary.
//!
//! ```
//! use ice_core::llm::tokens::{Count, EstimatingCounter, TokenCounter};
//!
//! let counter = EstimatingCounter;
//! assert_eq!(counter.count(None, "a short text"), Count { tokens: 3, estimated: true });
//! ```

use std::fmt;

use super::{Message, Part, Request};

/// The tokens of a text, and how they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many tokens.
    pub tokens: u64,
    /// Whether that is an estimate, because the tokenizer of the model is not known here.
    pub estimated: bool,
}

impl Count {
    /// Both texts together: the sum, which is an estimate if one of them is. The tokens of two texts that are joined may be
    /// fewer by one or two, where a token spans their border.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            estimated: self.estimated || other.estimated,
        }
    }
}

/// Counts the tokens of texts as a model would read them. Deterministic, does no I/O, and takes time that is linear in the text.
pub trait TokenCounter: Send + Sync + fmt::Debug {
    /// The tokens of `text` for `model`, the name that its provider knows it by (`gpt-4o`; a prefix `vendor/` may stand before
    /// it). Where the model is absent or its tokenizer is not known, the count is an estimate and says so.
    fn count(&self, model: Option<&str>, text: &str) -> Count;
}

/// Estimates as [`estimate_text`] does, for every model. What is used where no vocabularies are built in.
#[derive(Clone, Copy, Debug, Default)]
pub struct EstimatingCounter;

impl TokenCounter for EstimatingCounter {
    fn count(&self, _model: Option<&str>, text: &str) -> Count {
        Count { tokens: estimate_text(text), estimated: true }
    }
}

/// What a blob counts: about an image of medium size.
const BLOB_TOKENS: u64 = 1_000;

/// The tokens of a text, estimated as a quarter of its characters, rounded up. Real models are within a
/// factor of two of it for European languages; what a provider reports as usage is what counts.
#[must_use]
pub fn estimate_text(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// The tokens a request makes a model read: the estimate of each part of each message, of each tool and of the
/// output schema (as JSON), and 1,000 for each blob.
#[must_use]
pub fn estimate_input(request: &Request) -> u64 {
    let messages: u64 = request.messages.iter().map(|said| message(said)).sum();
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| {
            estimate_text(&tool.name)
                + estimate_text(&tool.description)
                + estimate_text(&tool.input_schema.to_string())
        })
        .sum();
    let schema = request.output_schema.as_ref().map_or(0, |schema| estimate_text(&schema.to_string()));
    messages + tools + schema
}

fn message(message: &Message) -> u64 {
    message.parts.iter().map(estimate_part).sum()
}

/// The tokens of a part, as in [`estimate_input`].
#[must_use]
pub fn estimate_part(part: &Part) -> u64 {
    match part {
        Part::Text { text } | Part::Reasoning { text } => estimate_text(text),
        Part::Blob { .. } => BLOB_TOKENS,
        Part::ToolCall { name, arguments, .. } => estimate_text(name) + estimate_text(&arguments.to_string()),
        Part::ToolResult { content, .. } => match content.as_str() {
            Some(text) => estimate_text(text),
            None => estimate_text(&content.to_string()),
        },
        Part::Opaque { data, .. } => estimate_text(&data.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::llm::{Role, ToolDefinition};
    use crate::value::Value;

    #[test]
    fn tokens_are_a_quarter_of_the_characters_rounded_up() {
        for (text, tokens) in [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("äöüß", 1)] {
            assert_eq!(estimate_text(text), tokens, "{text}");
        }
    }

    #[test]
    fn a_count_with_one_estimate_in_it_is_an_estimate() {
        let exact = Count { tokens: 2, estimated: false };
        let estimated = EstimatingCounter.count(Some("gpt-4o"), "abcde");
        assert_eq!(estimated, Count { tokens: 2, estimated: true });
        assert_eq!(exact.and(estimated), Count { tokens: 4, estimated: true });
        assert_eq!(exact.and(exact), Count { tokens: 4, estimated: false });
        assert_eq!(Count { tokens: u64::MAX, estimated: false }.and(exact).tokens, u64::MAX);
    }

    #[test]
    fn everything_a_model_reads_counts() {
        let mut request = Request::prompt("m", "abcdefgh");
        request.messages.push(Arc::new(Message {
            role: Role::Tool,
            parts: vec![Part::ToolResult {
                call_id: "1".to_owned(),
                content: Value::from("abcd"),
                is_error: false,
            }],
        }));
        request.tools.push(ToolDefinition {
            name: "abcd".to_owned(),
            description: "abcd".to_owned(),
            input_schema: Value::empty_map(),
        });
        request.output_schema = Some(Value::empty_map());
        assert_eq!(estimate_input(&request), 2 + 1 + 3 + 1);
    }
}
