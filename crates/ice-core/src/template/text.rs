//! Values as text: what `{{ value }}` writes. Strings as they are, `None`, `True` and `False`, floats with
//! a point, lists and maps as they are written in a template.

use std::fmt;
use std::sync::Arc;

use super::compare::{MAX_DEPTH, too_deep};
use super::error::TemplateError;
use super::meter::Meter;
use crate::value::Value;

/// Where text goes, paid for before it is written.
pub(super) struct Sink<'a> {
    target: &'a mut dyn fmt::Write,
    meter: &'a Meter,
}

impl<'a> Sink<'a> {
    pub(super) fn new(target: &'a mut dyn fmt::Write, meter: &'a Meter) -> Self {
        Self { target, meter }
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), TemplateError> {
        self.meter.grow(text.len())?;
        self.target.write_str(text).map_err(|_| TemplateError::failed("the text cannot be written"))
    }

    fn format(&mut self, arguments: fmt::Arguments<'_>) -> Result<(), TemplateError> {
        // Only numbers come here: at most some hundred bytes.
        self.push(&arguments.to_string())
    }

    /// Writes a value the way `{{ value }}` does.
    pub(super) fn value(&mut self, value: &Value) -> Result<(), TemplateError> {
        match value {
            Value::String(text) => self.push(text),
            Value::Number(number) => match number.as_f64() {
                Some(float) if number.is_f64() => self.float(float),
                Some(_) | None => self.format(format_args!("{number}")),
            },
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => {
                self.nested(value, MAX_DEPTH)
            }
        }
    }

    fn float(&mut self, float: f64) -> Result<(), TemplateError> {
        let mut text = float.to_string();
        if !text.contains('.') {
            text.push_str(".0");
        }
        self.push(&text)
    }

    /// Writes a value as it stands within a list or map.
    fn nested(&mut self, value: &Value, depth: usize) -> Result<(), TemplateError> {
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        self.meter.work(1)?;
        match value {
            Value::Null => self.push("None"),
            Value::Bool(true) => self.push("True"),
            Value::Bool(false) => self.push("False"),
            Value::Number(number) => match number.as_f64() {
                Some(float) if number.is_f64() => self.format(format_args!("{float:?}")),
                Some(_) | None => self.format(format_args!("{number}")),
            },
            Value::String(text) => self.quoted(text),
            Value::List(items) => {
                self.push("[")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.push(", ")?;
                    }
                    self.nested(item, depth)?;
                }
                self.push("]")
            }
            Value::Map(entries) => {
                self.push("{")?;
                for (index, (key, item)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.push(", ")?;
                    }
                    self.quoted(key)?;
                    self.push(": ")?;
                    self.nested(item, depth)?;
                }
                self.push("}")
            }
            Value::Blob(blob) => {
                self.push("<blob ")?;
                self.push(&blob.media_type)?;
                self.format(format_args!(", {} bytes>", blob.size))
            }
        }
    }

    fn quoted(&mut self, text: &str) -> Result<(), TemplateError> {
        self.meter.read(text.len())?;
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let mut buffer = [0; 4];
        self.push(quote.encode_utf8(&mut buffer))?;
        let mut plain = text;
        while let Some((at, character)) = plain.char_indices().find(|(_, c)| needs_escape(*c, quote)) {
            let (before, rest) = plain.split_at(at);
            self.push(before)?;
            self.push(&escape(character))?;
            plain = rest.get(character.len_utf8()..).unwrap_or_default();
        }
        self.push(plain)?;
        self.push(quote.encode_utf8(&mut buffer))
    }
}

fn needs_escape(character: char, quote: char) -> bool {
    character == quote || character == '\\' || character.is_control()
}

fn escape(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        control if control.is_control() => format!("\\x{:02x}", u32::from(control)),
        other => format!("\\{other}"),
    }
}

/// The text of a value; a string is shared, not copied.
pub(super) fn text_of(meter: &Meter, value: &Value) -> Result<Arc<str>, TemplateError> {
    if let Value::String(text) = value {
        return Ok(Arc::clone(text));
    }
    let mut text = String::new();
    Sink::new(&mut text, meter).value(value)?;
    Ok(Arc::from(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::scope::Limits;

    fn text(value: &Value) -> String {
        text_of(&Meter::new(&Limits::DEFAULT), value).unwrap().to_string()
    }

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e20..1e20).prop_map(|float| Value::try_from(float).unwrap()),
            "[a-z'\"\\\\\n\t\u{1}\u{85}é]{0,8}".prop_map(Value::from),
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        leaf().prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
                prop::collection::vec(("[a-z']{0,4}", inner), 0..4).prop_map(Value::map),
            ]
        })
    }

    proptest! {
        /// The engine's own text of the same value, which is what a template would write without us.
        #[test]
        fn the_text_is_the_engines(value in any_value()) {
            let engine = crate::template::view::to_engine(&value).to_string();
            prop_assert_eq!(text(&value), engine);
        }
    }

    #[test]
    fn text_is_paid_for() {
        let meter = Meter::new(&Limits { steps: 100, bytes: 3 });
        assert!(text_of(&meter, &Value::from(1234)).is_err());
    }
}
