//! Reads the value that a schema asks for out of a model's text.

use crate::error::ErrorCode;
use crate::schema::{SchemaViolation, Validator};
use crate::value::Value;

/// The most places of a text at which JSON is looked for.
const MAX_ATTEMPTS: usize = 64;

/// A text that does not hold what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructuredError {
    /// There is no JSON in it.
    #[error("the model's answer holds no JSON: {0}")]
    NotJson(String),
    /// There is JSON, but it does not fit the schema.
    #[error("the model's answer does not fit the output schema: {}", SchemaViolation::join(.0))]
    Mismatch(Vec<SchemaViolation>),
}

impl StructuredError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotJson(_) | Self::Mismatch(_) => ErrorCode::OutputInvalid,
        }
    }
}

/// Finds the value in a model's text that fits a schema. Tried in this order: the whole text as JSON, fenced
/// code blocks (those marked `json` first), JSON that begins somewhere within the prose, and the whole text as a
/// string.
///
/// # Errors
/// [`StructuredError`] with what is wrong with the first JSON that was found.
pub fn parse(text: &str, validator: &Validator) -> Result<Value, StructuredError> {
    let text = text.trim();
    let mut first_mismatch = None;
    for value in candidates(text) {
        match validator.validate(&value) {
            Ok(()) => return Ok(value),
            Err(violations) => {
                first_mismatch.get_or_insert(violations);
            }
        }
    }
    let as_text = Value::from(text);
    if validator.validate(&as_text).is_ok() {
        return Ok(as_text);
    }
    Err(match first_mismatch {
        Some(violations) => StructuredError::Mismatch(violations),
        None => {
            let syntax = serde_json::from_str::<Value>(text).err();
            StructuredError::NotJson(syntax.map(|error| error.to_string()).unwrap_or_default())
        }
    })
}

/// All JSON in a model's text, in the order in which [`parse`] tries it: what is [stated], then what begins
/// somewhere within the prose.
pub fn candidates(text: &str) -> impl Iterator<Item = Value> + '_ {
    stated(text).chain(within(text))
}

/// The JSON that a model states as its answer: the whole text, then code blocks, those marked `json` first.
pub fn stated(text: &str) -> impl Iterator<Item = Value> + '_ {
    let whole = serde_json::from_str(text.trim()).ok();
    let (marked, plain): (Vec<_>, Vec<_>) = fenced(text).into_iter().partition(|block| block.is_json);
    let blocks = marked.into_iter().chain(plain);
    whole.into_iter().chain(blocks.filter_map(|block| serde_json::from_str(block.body.trim()).ok()))
}

struct Block<'t> {
    is_json: bool,
    body: &'t str,
}

/// The code blocks between lines that begin with three backticks.
fn fenced(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if let Some(label) = line.trim_start().strip_prefix("```") {
            open = match open {
                None => Some((label.trim().eq_ignore_ascii_case("json"), end)),
                Some((is_json, start)) => {
                    if let Some(body) = text.get(start..at) {
                        blocks.push(Block { is_json, body });
                    }
                    None
                }
            };
            if blocks.len() == MAX_ATTEMPTS {
                break;
            }
        }
        at = end;
    }
    blocks
}

/// Objects and arrays that begin somewhere in the text; what follows each is left aside.
fn within(text: &str) -> impl Iterator<Item = Value> + '_ {
    let mut from = 0;
    let mut attempts = 0;
    std::iter::from_fn(move || {
        while attempts < MAX_ATTEMPTS {
            let rest = text.get(from..)?;
            let start = rest.find(['{', '['])?;
            attempts += 1;
            let mut stream = serde_json::Deserializer::from_str(rest.get(start..)?).into_iter::<Value>();
            match stream.next() {
                Some(Ok(value)) => {
                    from += start + stream.byte_offset();
                    return Some(value);
                }
                Some(Err(_)) | None => from += start + 1,
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(schema: serde_json::Value, text: &str, expected: Result<serde_json::Value, &str>) {
        let validator = Validator::compile(&Value::from(schema)).unwrap();
        let found = parse(text, &validator).map(|value| serde_json::Value::from(&value));
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn the_value_is_found_wherever_it_stands() {
        let schema = json!({"n": "int"});
        for text in [
            r#" {"n": 1} "#,
            "```json\n{\"n\": 1}\n```",
            "Here you are:\n```\n{\"n\": 1}\n```\nAnything else?",
            "```python\n{\"n\": 2}\n```\n```JSON\n{\"n\": 1}\n```",
            r#"I think [sic] {"x": 0} is wrong, {"n": 1} is right."#,
            "```json\n{\"n\": 1}",
        ] {
            check(schema.clone(), text, Ok(json!({"n": 1})));
        }
        check(json!({"type": "array"}), "so: [1, [2]] and {}", Ok(json!([1, [2]])));
    }

    #[test]
    fn a_schema_of_a_text_takes_the_text() {
        check(json!({"type": "string"}), " plain words ", Ok(json!("plain words")));
        check(json!({"type": "string"}), "\"quoted\"", Ok(json!("quoted")));
        check(json!({"type": ["string", "integer"]}), "12", Ok(json!(12)));
        check(json!({"enum": ["yes", "no"]}), "yes", Ok(json!("yes")));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        check(
            json!({"n": "int"}),
            r#"{"n": "secret"}"#,
            Err(
                "the model's answer does not fit the output schema: /n: the string is not of type \"integer\"",
            ),
        );
        check(
            json!({"n": "int"}),
            "no",
            Err("the model's answer holds no JSON: expected ident at line 1 column 2"),
        );
        check(
            json!({"n": "int"}),
            r#"{"n": 1, "n": 2}"#,
            Err("the model's answer holds no JSON: the key `n` \
            stands twice at line 1 column 16"),
        );
    }

    #[test]
    fn a_hostile_text_ends() {
        let validator = Validator::compile(&Value::from(json!({"n": "int"}))).unwrap();
        for text in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 18), "```\n".repeat(1 << 18)] {
            assert!(parse(&text, &validator).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[`\\n{}\\[\\]\"a:, json1ä]{0,60}") {
            let validator = Validator::compile(&Value::Bool(true)).unwrap();
            prop_assert!(parse(&text, &validator).is_ok());
        }
    }
}
