//! What an entry takes: tokens, bytes and money.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::llm::Usd;
use crate::llm::tokens::{Count, TokenCounter};
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
    use crate::llm::tokens::EstimatingCounter;

    #[test]
    fn structured_content_counts_as_its_json() {
        let value = Value::map([("answer", Value::from("forty-two"))]);
        assert_eq!(count_value(&EstimatingCounter, None, &value), Count { tokens: 6, estimated: true });
        assert_eq!(count_value(&EstimatingCounter, None, &Value::from("abcde")).tokens, 2);
        assert_eq!(count_value(&EstimatingCounter, None, &Value::Null).tokens, 0);
    }
}
