//! Times, sizes and counts in manifests.

use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::document::{Object, Problem};
use crate::error::ErrorCode;
use crate::quantity::{self, write_bytes, write_millis};
use crate::value::Value;

/// A span of time as it is written.
#[derive(Clone, Debug, Serialize)]
pub struct Span(String);

/// A number of bytes as it is written.
#[derive(Clone, Debug, Serialize)]
pub struct Size(String);

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number with a unit, `ms`, `s`, `m` or `h`; a number alone is seconds.",
            "type": ["string", "integer"],
            "pattern": "^[0-9]+ *(ms|s|m|min|h)?$",
            "minimum": 1,
            "examples": ["250ms", "30s", "5m"],
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number with a unit, `KiB`, `MiB` or `GiB`; a number alone is bytes.",
            "type": ["string", "integer"],
            "pattern": "^[0-9]+ *(K|KiB|M|MiB|G|GiB)?$",
            "minimum": 1,
            "examples": ["64KiB", "256MiB"],
        })
    }
}

impl Span {
    /// A span of so many milliseconds.
    #[must_use]
    pub fn of_millis(millis: u64) -> Self {
        Self(write_millis(millis))
    }
}

impl Size {
    /// So many bytes.
    #[must_use]
    pub fn of_bytes(bytes: u64) -> Self {
        Self(write_bytes(bytes))
    }
}

/// Reads a time, in milliseconds: a whole number with a unit, or a number of seconds.
pub fn span(object: &mut Object<'_, '_>, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
    let millis = |text: &str| {
        let millis = quantity::span(text)?.as_millis();
        u64::try_from(millis).map_err(|_| quantity::InvalidQuantity::TooMuch)
    };
    Kind { read: &millis, write: &write_millis, example: "30s" }.read(object, name, range)
}

/// Reads a size, in bytes: a whole number with a unit, or a number of bytes.
pub fn size(object: &mut Object<'_, '_>, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
    Kind { read: &quantity::bytes, write: &write_bytes, example: "256MiB" }.read(object, name, range)
}

/// Reads a whole number without a unit.
pub fn count(object: &mut Object<'_, '_>, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
    let number = object.whole(name)?;
    let kind = Kind { read: &quantity::bytes, write: &|number| number.to_string(), example: "16" };
    kind.within(object, name, number, range)
}

/// A kind of quantity.
struct Kind<'k> {
    read: &'k dyn Fn(&str) -> Result<u64, quantity::InvalidQuantity>,
    write: &'k dyn Fn(u64) -> String,
    example: &'static str,
}

impl Kind<'_> {
    fn read(
        &self,
        object: &mut Object<'_, '_>,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = object.value(name)?;
        let text = match value {
            Value::String(text) => text.to_string(),
            // A float or a negative number is told by the reader of quantities.
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => {
                object.refuse_type(name, &format!("a quantity such as `{}`", self.example), value);
                return None;
            }
        };
        match (self.read)(&text) {
            Ok(number) => self.within(object, name, number, range),
            Err(error) => {
                let shown: String = text.chars().take(40).collect();
                let message = format!("`{}` is no quantity: {error}", shown.escape_debug());
                object.refuse(name, Problem::new(ErrorCode::OutOfRange, message));
                None
            }
        }
    }

    fn within(
        &self,
        object: &Object<'_, '_>,
        name: &'static str,
        number: u64,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        if range.contains(&number) {
            return Some(number);
        }
        let [low, high, found] = [*range.start(), *range.end(), number].map(self.write);
        let message = format!("`{name}` must lie between {low} and {high}, not {found}");
        object.refuse(name, Problem::new(ErrorCode::OutOfRange, message));
        None
    }
}
