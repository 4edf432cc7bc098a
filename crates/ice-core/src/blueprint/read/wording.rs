//! How values are called in diagnostics.

use crate::diagnostic::Finding;
use crate::error::ErrorCode;
use crate::value::Value;

/// The finding on a value of another type than expected.
pub(crate) fn wrong_type(expected: &str, found: &Value) -> Finding {
    Finding::error(ErrorCode::WrongType, format!("expected {expected}, found {}", described(found)))
}

/// A value in a few words: `the number 3`, `the text "abc"`, `a list`.
pub(crate) fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => {
            let short: String = text.chars().take(32).collect();
            let more = if short.len() < text.len() { "…" } else { "" };
            format!("the text \"{}{more}\"", short.escape_debug())
        }
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "an object".to_owned(),
        Value::Blob(_) => "a blob".to_owned(),
    }
}
