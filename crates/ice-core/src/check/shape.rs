//! What a schema says about a part of a value, and whether two schemas can hold of the same value.

use crate::value::{Map, Value};

/// What a schema says about a part of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// The part has this schema.
    Known(Value),
    /// Nothing is known of it.
    Unknown,
    /// The schema names other parts and allows further ones.
    Undeclared(Vec<String>),
    /// There is no such part; there are only these.
    Missing(Vec<String>),
    /// The value has no parts at all, or none with names.
    Indivisible(&'static str),
}

/// The part of a value that has a schema. `root` is the schema that `$ref` leads into.
pub(super) fn part(root: &Value, schema: &Value, segment: &str) -> Part {
    let Some(schema) = dereference(root, schema).and_then(Value::as_map) else { return Part::Unknown };
    if COMPOSING.iter().any(|keyword| schema.contains_key(keyword)) {
        return Part::Unknown;
    }
    let types = types_of(schema);
    let index = segment.parse::<i64>().is_ok();
    if types.is_empty() || types.intersects(Types::OBJECT) && types.intersects(Types::ARRAY) {
        // It may be a list, of which a number is an item.
        let may_name = schema.contains_key("properties") && !index;
        return if may_name { property(schema, segment) } else { Part::Unknown };
    }
    if types.intersects(Types::OBJECT) {
        return property(schema, segment);
    }
    if types.intersects(Types::ARRAY) {
        return match schema.get("items") {
            _ if !index => Part::Indivisible("a list, which has no named parts"),
            Some(items) if !schema.contains_key("prefixItems") => Part::Known(items.clone()),
            Some(_) | None => Part::Unknown,
        };
    }
    // Every part of null is null.
    if types.intersects(Types::NULL) { Part::Unknown } else { Part::Indivisible(types.name()) }
}

/// The keywords that put schemas together; what they add up to is not worked out here.
const COMPOSING: [&str; 9] =
    ["anyOf", "oneOf", "allOf", "if", "not", "$dynamicRef", "dependentSchemas", "propertyNames", "const"];

fn property(schema: &Map, segment: &str) -> Part {
    let properties = schema.get("properties").and_then(Value::as_map);
    if let Some(known) = properties.and_then(|properties| properties.get(segment)) {
        return Part::Known(known.clone());
    }
    let names = || properties.map(|names| names.keys().map(|name| (**name).to_owned()).collect());
    if schema.contains_key("patternProperties") || schema.contains_key("unevaluatedProperties") {
        return Part::Unknown;
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => Part::Missing(names().unwrap_or_default()),
        Some(Value::Map(further)) => Part::Known(Value::Map(std::sync::Arc::clone(further))),
        Some(Value::Bool(true)) => Part::Unknown,
        Some(_) | None => match properties {
            Some(properties) if !properties.is_empty() => Part::Undeclared(names().unwrap_or_default()),
            Some(_) | None => Part::Unknown,
        },
    }
}

/// Follows `$ref` within the schema.
pub(super) fn dereference<'v>(root: &'v Value, schema: &'v Value) -> Option<&'v Value> {
    let mut here = schema;
    for _ in 0..16 {
        let Some(reference) = here.get("$ref") else { return Some(here) };
        let pointer = reference.as_str()?.strip_prefix('#')?;
        here = pointer.split('/').skip(1).try_fold(root, |value, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            value.get(&step).or_else(|| value.item(step.parse().ok()?))
        })?;
    }
    None
}

/// A set of JSON types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    pub(super) const NUMBER: Self = Self(4);
    pub(super) const STRING: Self = Self(8);
    pub(super) const ARRAY: Self = Self(16);
    pub(super) const OBJECT: Self = Self(32);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::NULL, "null"),
        (Self::BOOLEAN, "a boolean"),
        (Self::NUMBER, "a number"),
        (Self::STRING, "text"),
        (Self::ARRAY, "a list"),
        (Self::OBJECT, "an object"),
    ];

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The first of them in words.
    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().rev().find(|(one, _)| self.intersects(*one)).map_or("nothing", |(_, name)| name)
    }

    /// The type of a value.
    pub(super) const fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::List(_) => Self::ARRAY,
            Value::Map(_) | Value::Blob(_) => Self::OBJECT,
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "number" | "integer" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self(0),
        }
    }
}

/// The types a schema names; none if it names none.
pub(super) fn types_of(schema: &Map) -> Types {
    match schema.get("type") {
        Some(Value::String(name)) => Types::named(name),
        Some(Value::List(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .fold(Types(0), |sum, name| Types(sum.0 | Types::named(name).0)),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Map(_) | Value::Blob(_)) | None => {
            Types(0)
        }
    }
}

/// The types a schema allows, if it says so; none if it may allow any.
pub(super) fn types(root: &Value, schema: &Value) -> Option<Types> {
    let schema = dereference(root, schema)?.as_map()?;
    if ["anyOf", "oneOf"].iter().any(|keyword| schema.contains_key(keyword)) && !schema.contains_key("type") {
        return None;
    }
    Some(types_of(schema)).filter(|types| !types.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, segment: &str, expected: Part) {
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_eq!(part(&schema, &schema, segment), expected, "{segment} of {schema}");
    }

    #[test]
    fn parts_of_values_are_known_from_their_schemas() {
        let text: Value = serde_json::from_str(r#"{"type":"string"}"#).unwrap();
        let names = || vec!["a".to_owned()];
        check(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#, "a", Part::Known(text.clone()));
        check(r#"{"type":"object","properties":{"a":true}}"#, "b", Part::Undeclared(names()));
        check(
            r#"{"type":"object","properties":{"a":true},"additionalProperties":false}"#,
            "b",
            Part::Missing(names()),
        );
        check(
            r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
            "b",
            Part::Known(text.clone()),
        );
        check(r#"{"type":"object"}"#, "b", Part::Unknown);
        check(r#"{}"#, "b", Part::Unknown);
        check(r#"{"anyOf":[{"type":"string"}]}"#, "b", Part::Unknown);
        check(r#"{"type":"array","items":{"type":"string"}}"#, "0", Part::Known(text.clone()));
        check(r#"{"type":"array"}"#, "a", Part::Indivisible("a list, which has no named parts"));
        check(r#"{"type":["null","string"]}"#, "a", Part::Unknown);
        check(r#"{"type":"integer"}"#, "a", Part::Indivisible("a number"));
        check(
            r##"{"$ref":"#/$defs/x~1y","$defs":{"x/y":{"properties":{"a":{"type":"string"}}}}}"##,
            "a",
            Part::Known(text),
        );
        check(r##"{"$ref":"#/$defs/x","$defs":{"x":{"$ref":"#/$defs/x"}}}"##, "a", Part::Unknown);
    }

    #[test]
    fn types_are_read_from_schemas() {
        let of = |text: &str| {
            let schema: Value = serde_json::from_str(text).unwrap();
            types(&schema, &schema)
        };
        assert_eq!(of(r#"{"type":"integer"}"#), Some(Types::NUMBER));
        assert_eq!(of(r#"{"type":["integer","null"]}"#), Some(Types(5)));
        assert_eq!(of(r#"{"anyOf":[]}"#), None);
        assert_eq!(of("true"), None);
        assert!(!Types::NUMBER.intersects(Types::STRING));
    }
}
