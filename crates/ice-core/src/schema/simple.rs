//! The simple form of a schema, `{"name": "str", "tags": "list[str]"}`, made into a JSON Schema.

use serde_json::json;

use super::SchemaError;
use super::bounds::MAX_DEPTH;
use crate::value::{Map, Value};

/// The names a simple schema may use, for messages.
const NAMES: &str = "str, int, float, bool, dict, list, list[…] or any";

/// Whether a value is read as a JSON Schema, and not as the simple form: `true`, `false`, an empty object, or an
/// object in which a keyword of JSON Schema has a fitting value, or that only annotates. An object whose values all name types and of
/// which a key is no keyword (`{"type": "string", "name": "str"}`) is simple.
#[must_use]
pub fn is_json_schema(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Map(entries) => {
            let all_types =
                entries.values().all(|item| item.as_str().is_some_and(|text| literal(text, 0).is_some()));
            let foreign = entries.keys().any(|key| !KEYWORDS.contains(&&**key));
            let annotations = entries.iter().all(|(key, item)| {
                ANNOTATIONS.contains(&&**key) && item.as_str().is_none_or(|text| literal(text, 0).is_none())
            });
            annotations
                || (entries.iter().any(|(key, item)| is_keyword(key, item)) && !(all_types && foreign))
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::List(_) | Value::Blob(_) => false,
    }
}

/// Turns the simple form into a JSON Schema; a JSON Schema is returned as it is, shared.
///
/// In the simple form every field is required and no other is allowed. A field is a name of a type (`str`,
/// `int`, `float`, `bool`, `dict`, `list`, `list[…]`, `any`, or the names of JSON Schema), a simple schema of
/// its own, or a JSON Schema.
///
/// # Errors
/// [`SchemaError`] if a field names no type, or the value is neither form.
pub fn normalize(schema: &Value) -> Result<Value, SchemaError> {
    normalize_at(schema, &mut String::new(), 0)
}

fn normalize_at(schema: &Value, path: &mut String, depth: usize) -> Result<Value, SchemaError> {
    if is_json_schema(schema) {
        return Ok(schema.clone());
    }
    if depth > MAX_DEPTH {
        return Err(SchemaError::TooLarge { message: format!("it nests deeper than {MAX_DEPTH} levels") });
    }
    let Value::Map(entries) = schema else {
        return Err(SchemaError::invalid(
            path.as_str(),
            format!(
                "a schema is an object (a JSON Schema, or fields with types such as {NAMES}), not {}",
                schema.type_name()
            ),
        ));
    };
    let mut properties = Map::default();
    for (key, item) in entries.iter() {
        let end = path.len();
        path.push('/');
        path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        let property = match item.as_str() {
            Some(text) => literal(text, 0).ok_or_else(|| {
                let shown: String = text.chars().take(80).collect();
                SchemaError::invalid(path.as_str(), format!("`{shown}` is no type: write {NAMES}"))
            })?,
            None => normalize_at(item, path, depth + 1)?,
        };
        path.truncate(end);
        properties.insert(key.clone(), property);
    }
    let required = Value::list(properties.keys().cloned().map(Value::String));
    Ok(Value::map([
        ("type", Value::from("object")),
        ("properties", Value::from(properties)),
        ("required", required),
        ("additionalProperties", Value::Bool(false)),
    ]))
}

/// The schema of a type's name.
fn literal(text: &str, depth: usize) -> Option<Value> {
    let text = text.trim();
    let name = match text {
        "str" | "string" => "string",
        "int" | "integer" => "integer",
        "float" | "number" => "number",
        "bool" | "boolean" => "boolean",
        "dict" | "object" => "object",
        "list" | "array" => "array",
        "null" => "null",
        "any" => return Some(Value::empty_map()),
        other => {
            let inner = other.strip_prefix("list[")?.strip_suffix(']')?;
            if depth > 8 {
                return None;
            }
            return Some(Value::map([("type", Value::from("array")), ("items", literal(inner, depth + 1)?)]));
        }
    };
    Some(Value::from(json!({ "type": name })))
}

/// Whether `key` is a keyword of JSON Schema and `value` is what that keyword takes.
fn is_keyword(key: &str, value: &Value) -> bool {
    const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "object", "array", "null"];
    let is_type = |value: &Value| value.as_str().is_some_and(|text| TYPES.contains(&text));
    let is_schema = |value: &Value| matches!(value, Value::Map(_) | Value::Bool(_));
    match key {
        "type" => {
            is_type(value)
                || value.as_list().is_some_and(|items| !items.is_empty() && items.iter().all(is_type))
        }
        "$schema" => value.as_str().is_some_and(|text| text.contains("json-schema.org")),
        "$ref" | "$dynamicRef" | "$recursiveRef" => {
            value.as_str().is_some_and(|text| literal(text, 0).is_none())
        }
        "properties" | "patternProperties" | "$defs" | "definitions" => {
            value.as_map().is_some_and(|entries| entries.values().all(is_schema))
        }
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => {
            value.as_list().is_some_and(|items| !items.is_empty() && items.iter().all(is_schema))
        }
        "enum" | "required" => value.as_list().is_some(),
        "items" | "not" | "if" | "additionalProperties" | "propertyNames" | "contains" => {
            matches!(value, Value::Bool(_)) || (matches!(value, Value::Map(_)) && is_json_schema(value))
        }
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minLength" | "maxLength"
        | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "multipleOf" => {
            matches!(value, Value::Number(_))
        }
        "uniqueItems" | "unevaluatedProperties" | "unevaluatedItems" => matches!(value, Value::Bool(_)),
        "const" => value.as_str().is_none_or(|text| literal(text, 0).is_none()),
        "pattern" => value.as_str().is_some_and(|text| literal(text, 0).is_none()),
        _ => false,
    }
}

/// The keywords that constrain nothing.
const ANNOTATIONS: [&str; 6] = ["title", "description", "format", "default", "examples", "$comment"];

/// The keywords that say nothing by themselves about which form it is, and those that do.
const KEYWORDS: &[&str] = &[
    "type",
    "$schema",
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "anyOf",
    "oneOf",
    "allOf",
    "prefixItems",
    "enum",
    "required",
    "items",
    "not",
    "if",
    "then",
    "else",
    "additionalProperties",
    "propertyNames",
    "contains",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "multipleOf",
    "const",
    "pattern",
    "format",
    "title",
    "description",
    "default",
    "examples",
    "$id",
    "$comment",
    "uniqueItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "readOnly",
    "writeOnly",
    "deprecated",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: serde_json::Value, expected: Result<serde_json::Value, &str>) {
        let found = normalize(&Value::from(schema.clone()))
            .map(|schema| serde_json::Value::from(&schema))
            .map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{schema}");
    }

    /// The fields of the input come in the order in which `json!` keeps them, which is that of the text or of the names.
    fn object(properties: serde_json::Value, required: &[&str]) -> serde_json::Value {
        let kept = properties.as_object().unwrap().keys().map(String::as_str);
        let required: Vec<&str> = kept.filter(|name| required.contains(name)).collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    #[test]
    fn simple_fields_become_required_properties() {
        check(
            json!({"name": "str", "age": "int", "score": "float", "ok": "bool", "more": "dict", "x": "any"}),
            Ok(object(
                json!({"name": {"type": "string"}, "age": {"type": "integer"}, "score": {"type": "number"},
                       "ok": {"type": "boolean"}, "more": {"type": "object"}, "x": {}}),
                &["name", "age", "score", "ok", "more", "x"],
            )),
        );
        check(
            json!({"tags": "list[list[str]]", "any": "list"}),
            Ok(object(
                json!({"tags": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
                       "any": {"type": "array"}}),
                &["tags", "any"],
            )),
        );
    }

    #[test]
    fn fields_may_nest_either_form() {
        check(
            json!({"who": {"name": "str"}, "n": {"type": "integer", "minimum": 0}}),
            Ok(object(
                json!({"who": object(json!({"name": {"type": "string"}}), &["name"]),
                       "n": {"type": "integer", "minimum": 0}}),
                &["who", "n"],
            )),
        );
    }

    #[test]
    fn a_json_schema_stays_as_it_is() {
        for schema in [
            json!(true),
            json!({}),
            json!({"title": "Anything", "description": "at all"}),
            json!({"type": "object"}),
            json!({"type": ["string", "null"], "description": "str"}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
            json!({"enum": [1, 2]}),
            json!({"properties": {"type": {"type": "string"}}}),
        ] {
            check(schema.clone(), Ok(schema));
        }
    }

    #[test]
    fn a_field_named_like_a_keyword_is_a_field() {
        check(json!({"type": "str"}), Ok(object(json!({"type": {"type": "string"}}), &["type"])));
        check(
            json!({"type": "string", "name": "str"}),
            Ok(object(json!({"type": {"type": "string"}, "name": {"type": "string"}}), &["type", "name"])),
        );
        check(
            json!({"items": "list[str]", "pattern": "str"}),
            Ok(object(
                json!({"items": {"type": "array", "items": {"type": "string"}}, "pattern": {"type": "string"}}),
                &["items", "pattern"],
            )),
        );
    }

    #[test]
    fn what_is_neither_form_is_refused_with_its_place() {
        check(
            json!({"a": {"b/c": "strng"}}),
            Err(
                "the schema is not valid at /a/b~1c: `strng` is no type: write str, int, float, bool, dict, \
                 list, list[…] or any",
            ),
        );
        check(
            json!({"a": "list[int"}),
            Err("the schema is not valid at /a: `list[int` is no type: write str, \
                 int, float, bool, dict, list, list[…] or any"),
        );
        check(
            json!("str"),
            Err(
                "the schema is not valid at the top: a schema is an object (a JSON Schema, or fields with types \
                 such as str, int, float, bool, dict, list, list[…] or any), not string",
            ),
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let mut schema = Value::from("str");
        for _ in 0..10_000 {
            schema = Value::map([("a", schema)]);
        }
        assert!(matches!(normalize(&schema), Err(SchemaError::TooLarge { .. })));
        let brackets = format!("{}int{}", "list[".repeat(1000), "]".repeat(1000));
        assert!(normalize(&Value::map([("a", Value::from(brackets))])).is_err());
        // Dropping a deep value recurses too: take it apart level by level.
        while let Value::Map(entries) = schema {
            schema = entries.get("a").cloned().unwrap_or_default();
        }
    }
}
