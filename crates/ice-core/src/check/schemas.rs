//! Schemas while a blueprint is checked: compiled once each, values checked against them.

use std::collections::HashMap;

use super::shape::{self, Types};
use crate::schema::{SchemaError, SchemaViolation, Validator, normalize};
use crate::value::Value;

/// The keywords that only tell about a value, not what is allowed.
const ANNOTATIONS: [&str; 10] = [
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "$comment",
    "type",
];

/// Schemas that were compiled, by their text.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    compiled: HashMap<String, Result<Validator, SchemaError>>,
}

impl Schemas {
    /// Whether a schema is one, in the simple or the full form.
    pub(super) fn check(&mut self, schema: &Value) -> Result<(), SchemaError> {
        let normal = normalize(schema)?;
        if normal != *schema {
            // The simple form is made into a valid one.
            return Ok(());
        }
        self.compile(schema).map(|_| ())
    }

    fn compile(&mut self, schema: &Value) -> Result<&Validator, SchemaError> {
        let slot = self.compiled.entry(schema.to_string()).or_insert_with(|| Validator::compile(schema));
        slot.as_ref().map_err(Clone::clone)
    }

    /// What is wrong with a value that should fit a part of a schema. Nothing if the schema is not valid.
    pub(super) fn violations(&mut self, root: &Value, part: &Value, value: &Value) -> Vec<SchemaViolation> {
        let Some(part) = shape::dereference(root, part) else { return Vec::new() };
        let simple = part.as_map().is_some_and(|keys| keys.keys().all(|key| ANNOTATIONS.contains(&&**key)));
        if simple
            && let Some(types) = shape::types(root, part)
            && types.intersects(Types::of_value(value))
            && value.as_f64().is_none()
        {
            return Vec::new();
        }
        let whole = with_definitions(root, part);
        match self.compile(&whole) {
            Ok(validator) => validator.validate(value).err().unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}

/// A part of a schema that can stand alone: with the definitions it may refer to.
fn with_definitions(root: &Value, part: &Value) -> Value {
    let (Some(all), Some(own)) = (root.as_map(), part.as_map()) else { return part.clone() };
    let mut own = own.clone();
    for name in ["$defs", "definitions"] {
        if let Some(definitions) = all.get(name) {
            own.insert_new(name, || definitions.clone());
        }
    }
    Value::from(own)
}
