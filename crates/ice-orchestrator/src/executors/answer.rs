//! Making data of what nearly fits its schema: the text of a model, the input of an llm node.

use std::sync::Arc;

use ice_core::value::{Map, Value};

/// Makes what can be made of an answer that does not fit its schema as it stands: fields that are wanted as
/// numbers or booleans are read from text (`"1,200"`, `"yes"`), and a plain text becomes the one field of a
/// schema that has just one field, of type string. Nothing if there is neither.
pub(crate) fn coerced(text: &str, schema: &Value) -> Option<Value> {
    let json = fenced(text).unwrap_or(text).trim();
    match serde_json::from_str::<Value>(json) {
        Ok(value) => Some(fit(value, schema)),
        Err(_) => only_text_field(schema).map(|name| Value::map([(name, Value::from(text))])),
    }
}

/// The inside of the first block between lines that begin with three backticks.
fn fenced(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("```")?;
    let (_, rest) = rest.split_once('\n')?;
    rest.split_once("```").map(|(inside, _)| inside)
}

fn only_text_field(schema: &Value) -> Option<Arc<str>> {
    let properties = schema.get("properties")?.as_map().filter(|properties| properties.len() == 1)?;
    let (name, property) = properties.first()?;
    (property.get("type").and_then(Value::as_str) == Some("string")).then(|| Arc::clone(name))
}

/// Reads texts as the numbers and booleans that a schema wants in their places; all else stays as it is.
pub(crate) fn fit(value: Value, schema: &Value) -> Value {
    match value {
        Value::Map(entries) => {
            let properties = schema.get("properties").and_then(Value::as_map);
            let one = |key: &Arc<str>, value: &Value| match properties.and_then(|known| known.get(key)) {
                Some(property) => fit(value.clone(), property),
                None => value.clone(),
            };
            Value::from(
                entries.iter().map(|(key, value)| (Arc::clone(key), one(key, value))).collect::<Map>(),
            )
        }
        Value::List(items) => match schema.get("items") {
            Some(schema) => Value::list(items.iter().map(|item| fit(item.clone(), schema))),
            None => Value::List(items),
        },
        Value::String(text) => {
            let plain = text.trim().replace(',', "");
            let read = match schema.get("type").and_then(Value::as_str) {
                Some("integer") => plain.parse::<i64>().ok().map(Value::from),
                Some("number") => plain.parse::<f64>().ok().and_then(|number| Value::try_from(number).ok()),
                Some("boolean") => match plain.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" | "y" => Some(Value::from(true)),
                    "false" | "0" | "no" | "n" => Some(Value::from(false)),
                    _ => None,
                },
                Some(_) | None => None,
            };
            read.unwrap_or(Value::String(text))
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, schema: &str, expected: Option<&str>) {
        let schema = serde_json::from_str(schema).unwrap();
        assert_eq!(coerced(text, &schema).map(|value| value.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn answers_are_read_from_json_fences_and_text() {
        let schema = r#"{"type":"object","properties":{"n":{"type":"integer"},"ok":{"type":"boolean"}}}"#;
        check(r#"{"n":"1,200","ok":"yes","more":1}"#, schema, Some(r#"{"n":1200,"ok":true,"more":1}"#));
        check("Here:\n```json\n{\"n\": 3}\n```\nDone.", schema, Some(r#"{"n":3}"#));
        check(r#"{"n":"many"}"#, schema, Some(r#"{"n":"many"}"#));
        check("no data", schema, None);
        check("no data", r#"{"properties":{"text":{"type":"string"}}}"#, Some(r#"{"text":"no data"}"#));
    }
}
