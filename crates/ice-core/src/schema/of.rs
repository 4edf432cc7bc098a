//! JSON Schemas from Rust types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use crate::value::Value;

/// The JSON Schema (draft 2020-12) of what a type reads, as `serde` does: fields with a default are optional.
/// Definitions stand where they are used; there is no `$schema` and no title.
#[must_use]
pub fn of_input<T: JsonSchema>() -> Value {
    generate::<T>(settings().for_deserialize())
}

/// The JSON Schema of what a type is written as.
#[must_use]
pub fn of_output<T: JsonSchema>() -> Value {
    generate::<T>(settings().for_serialize())
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    })
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    Value::from(serde_json::Value::from(schema))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    /// How much.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Amount {
        /// The number.
        number: u32,
        /// The unit.
        #[serde(default)]
        unit: Option<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Order {
        amounts: Vec<Amount>,
        any: Value,
    }

    #[test]
    fn a_type_gives_one_plain_schema() {
        let found = serde_json::Value::from(&of_input::<Order>());
        let amount = json!({
            "type": "object",
            "description": "How much.",
            "properties": {
                "number": {"type": "integer", "format": "uint32", "minimum": 0, "description": "The number."},
                "unit": {"type": ["string", "null"], "default": null, "description": "The unit."},
            },
            "required": ["number"],
            "additionalProperties": false,
        });
        assert_eq!(
            found,
            json!({
                "type": "object",
                "properties": {"amounts": {"type": "array", "items": amount}, "any": true},
                "required": ["amounts", "any"],
            })
        );
    }

    #[test]
    fn an_output_always_has_what_is_always_written() {
        let found = of_output::<Amount>();
        assert_eq!(found.get("required").unwrap().to_string(), r#"["number","unit"]"#);
        assert!(crate::schema::Validator::compile(&of_output::<Value>()).is_ok());
    }
}
