//! The visitor that turns what a parser finds into a [`Value`] and notes what JSON parsers let pass: keys that
//! stand twice, numbers that other systems cannot read, nesting without end.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::reading::MAX_DEPTH;
use crate::diagnostic::{Finding, Place, Report, Trail};
use crate::error::ErrorCode;
use crate::value::{Map, Value};

/// The largest whole number that every system reads exactly: 2^53.
const MAX_WHOLE: u64 = 1 << 53;

/// The fewest bytes that a written value takes, with what divides it from the next one.
const MIN_VALUE_BYTES: usize = 2;

/// The most values that a document may have beyond those that are written in it, by aliases: more than repeat
/// themselves in any blueprint, and few enough to be read in no time.
const MAX_REPEATED: usize = 50_000;

/// The most large numbers that are looked up in the text.
const MAX_LARGE: usize = 1_000;

/// What was noted beside diagnostics.
#[derive(Debug)]
pub(super) struct Notes {
    too_large: Cell<bool>,
    /// How many values may still come.
    values_left: Cell<usize>,
    large: RefCell<Vec<Place>>,
}

impl Notes {
    /// For a text of so many bytes.
    pub(super) fn for_text(bytes: usize) -> Self {
        let most = (bytes / MIN_VALUE_BYTES).saturating_add(MAX_REPEATED);
        Self { too_large: Cell::new(false), values_left: Cell::new(most), large: RefCell::default() }
    }

    /// Whether reading ended because of too deep nesting or too many values.
    pub(super) fn is_too_large(&self) -> bool {
        self.too_large.get()
    }

    /// The places of large numbers without a fraction that may have been written as whole numbers.
    pub(super) fn take_large(&self) -> Vec<Place> {
        self.large.take()
    }
}

/// Reads one value at its place.
#[derive(Clone, Copy)]
pub(super) struct DocumentSeed<'s> {
    trail: &'s Trail<'s>,
    depth: usize,
    report: &'s Report,
    notes: &'s Notes,
}

impl<'s> DocumentSeed<'s> {
    /// Reads a whole document.
    pub(super) fn top(report: &'s Report, notes: &'s Notes) -> Self {
        Self { trail: &Trail::START, depth: 0, report, notes }
    }

    fn deeper<E: serde::de::Error>(self) -> Result<usize, E> {
        if self.depth >= MAX_DEPTH {
            self.notes.too_large.set(true);
            return Err(E::custom(format_args!("the document is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(self.depth + 1)
    }

    fn whole(self, magnitude: u64, value: Value) -> Value {
        if magnitude > MAX_WHOLE {
            self.report.add(self.trail, not_portable(&value.to_string()));
        }
        value
    }
}

/// Checks the numbers and the depth of a value that no parser of ours read.
pub(super) fn check_value(
    value: &Value,
    trail: &Trail<'_>,
    depth: usize,
    report: &Report,
) -> Result<(), TooDeep> {
    match value {
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if magnitude.is_some_and(|magnitude| magnitude > MAX_WHOLE) {
                report.add(trail, not_portable(&number.to_string()));
            }
            Ok(())
        }
        Value::List(_) | Value::Map(_) if depth >= MAX_DEPTH => Err(TooDeep),
        Value::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_value(item, &trail.index(index), depth + 1, report)),
        Value::Map(entries) => {
            entries.iter().try_for_each(|(key, item)| check_value(item, &trail.key(key), depth + 1, report))
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Blob(_) => Ok(()),
    }
}

/// A value is nested too deeply.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooDeep;

/// The finding on a whole number beyond 2^53.
pub(super) fn not_portable(number: &str) -> Finding {
    Finding::error(
        ErrorCode::NumberNotPortable,
        format!("{number} lies beyond 2^53 and would not be read as the same number everywhere"),
    )
    .advise("write a smaller number; what is no amount, such as an id, is text in quotes".to_owned())
}

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.notes.values_left.get().checked_sub(1) {
            Some(left) => self.notes.values_left.set(left),
            None => {
                self.notes.too_large.set(true);
                let message = "the document repeats itself too often: its aliases make too many values of it";
                return Err(serde::de::Error::custom(message));
            }
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(self.whole(number.unsigned_abs(), Value::from(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(self.whole(number, Value::from(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        let Ok(value) = Value::try_from(number) else {
            let message = "a number must be finite: JSON has no infinity and no `nan`";
            self.report.add(self.trail, Finding::error(ErrorCode::NumberNotPortable, message));
            return Ok(Value::Null);
        };
        if number.abs() > 9_007_199_254_740_992.0 {
            // A parser gives whole numbers beyond 64 bits as floats; the text tells them from `1e30`.
            let mut large = self.notes.large.borrow_mut();
            if large.len() < MAX_LARGE {
                large.push(self.trail.place());
            }
        }
        Ok(value)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::string(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut items = Vec::new();
        loop {
            let trail = self.trail.index(items.len());
            match seq.next_element_seed(DocumentSeed { trail: &trail, depth, ..self })? {
                Some(item) => items.push(item),
                None => return Ok(Value::List(Arc::new(items))),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut entries = Map::default();
        while let Some(key) = map.next_key::<String>()? {
            let trail = self.trail.key(&key);
            let value = map.next_value_seed(DocumentSeed { trail: &trail, depth, ..self })?;
            if entries.insert(Arc::from(key.as_str()), value).is_some() {
                let message = format!("the key `{key}` stands twice");
                let finding = Finding::error(ErrorCode::BlueprintSyntax, message).on_key();
                self.report.add(&trail, finding.advise("remove or rename one of them".to_owned()));
            }
        }
        Ok(Value::from_entries(entries))
    }
}

impl fmt::Debug for DocumentSeed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentSeed").field("depth", &self.depth).finish_non_exhaustive()
    }
}
