//! Making data of what nearly fits its schema: the text of a model, the input of an llm node.

use std::sync::Arc;

use ice_core::llm::structured;
use ice_core::value::{Map, Value};

/// Makes what can be made of an answer that does not fit its schema as it stands: fields that are wanted as
/// numbers or booleans are read from text (`"1,200"`, `"yes"`), and a text that states no JSON becomes the one field
/// of a schema that has just one field, of type string. Nothing if neither fits.
pub(crate) fn coerced(text: &str, schema: &Value, fits: impl Fn(&Value) -> bool) -> Option<Value> {
    if let Some(value) = structured::candidates(text).map(|value| fit(value, schema)).find(&fits) {
        return Some(value);
    }
    let name = only_text_field(schema).filter(|_| structured::stated(text).next().is_none())?;
    Some(Value::map([(name, Value::from(text))])).filter(fits)
}

fn only_text_field(schema: &Value) -> Option<Arc<str>> {
    let properties = schema.get("properties")?.as_map().filter(|properties| properties.len() == 1)?;
    let (name, property) = properties.iter().next()?;
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
    use ice_core::schema::Validator;

    use super::*;

    fn check(text: &str, schema: &str, expected: Option<&str>) {
        let schema = serde_json::from_str(schema).unwrap();
        let validator = Validator::compile(&schema).unwrap();
        let found = coerced(text, &schema, |value| validator.validate(value).is_ok());
        assert_eq!(found.map(|value| value.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn answers_are_read_from_json_fences_and_text() {
        let schema = r#"{"type":"object","properties":{"n":{"type":"integer"},"ok":{"type":"boolean"}}}"#;
        check(r#"{"n":"1,200","ok":"yes","more":1}"#, schema, Some(r#"{"n":1200,"ok":true,"more":1}"#));
        check("Here:\n```json\n{\"n\": \"3\"}\n```\nDone.", schema, Some(r#"{"n":3}"#));
        check("```\n{\"n\": \"x\"}\n```\n```\n{\"n\": \"3\"}\n```", schema, Some(r#"{"n":3}"#));
        check(r#"It is {"n": "3"}."#, schema, Some(r#"{"n":3}"#));
        check(r#"{"n":"many"}"#, schema, None);
        check("no data", schema, None);
        let only_text = r#"{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}"#;
        check("no data", only_text, Some(r#"{"text":"no data"}"#));
        check("see [3]\n```\nfn\n```", only_text, Some(r#"{"text":"see [3]\n```\nfn\n```"}"#));
        check(r#"{"txt":"x"}"#, only_text, None);
    }
}
