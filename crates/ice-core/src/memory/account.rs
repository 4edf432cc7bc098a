//! What an entry takes: tokens and money, counted by a port so that a real tokenizer can do it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::llm::{Usd, tokens};
use crate::value::Value;

/// What an entry takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The tokens of its content.
    pub tokens: u64,
    /// Whether the tokens are estimated, since no tokenizer of the model is at hand.
    pub estimated: bool,
    /// The bytes that its record and its content take in the store.
    pub bytes: u64,
    /// What it cost.
    pub cost: Usd,
}

/// A number of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub tokens: u64,
    /// Whether it is an estimate.
    pub estimated: bool,
}

/// Counts the tokens of a text as a model reads it.
pub trait TokenCounter: Send + Sync + fmt::Debug {
    /// The tokens of `text` for `model`; marked as estimated where the model's tokenizer is not at hand.
    fn count(&self, model: Option<&str>, text: &str) -> Count;
}

/// Estimates tokens as a quarter of the characters, for any model: [`tokens::estimate_text`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EstimatedTokens;

impl TokenCounter for EstimatedTokens {
    fn count(&self, _: Option<&str>, text: &str) -> Count {
        Count { tokens: tokens::estimate_text(text), estimated: true }
    }
}

/// The tokens of a value: of its text, or of its JSON if it is something else. Nothing counts nothing.
#[must_use]
pub fn count_value(counter: &dyn TokenCounter, model: Option<&str>, value: &Value) -> Count {
    match value {
        Value::Null => Count { tokens: 0, estimated: false },
        Value::String(text) => counter.count(model, text),
        Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => {
            counter.count(model, &value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structured_content_counts_as_its_json() {
        let value = Value::map([("answer", Value::from("forty-two"))]);
        assert_eq!(count_value(&EstimatedTokens, None, &value), Count { tokens: 6, estimated: true });
        assert_eq!(count_value(&EstimatedTokens, None, &Value::from("abcde")).tokens, 2);
        assert_eq!(count_value(&EstimatedTokens, None, &Value::Null).tokens, 0);
    }
}
