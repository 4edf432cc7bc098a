//! Attributes and entries: paths into values, and the ways to list a map.

use std::sync::Arc;

use super::super::error::TemplateError;
use super::super::meter::ITEM;
use super::super::path::{missing, step_owned};
use super::super::reference::Segment;
use super::call::{Call, Outcome};
use crate::value::{Map, Value};

/// The segment that a computed subscript means.
fn segment(call: &Call<'_>, index: usize) -> Result<Segment, TemplateError> {
    let value = call.value(index)?;
    call.meter.work(1)?;
    if let Value::String(key) = value {
        call.meter.read(key.len())?;
        return Ok(Segment::Key(key));
    }
    match value.as_i64() {
        Some(index) => Ok(Segment::Index(index)),
        None => Err(call.wants(index, "text or a whole number as a subscript", &value)),
    }
}

/// `value.a[b].c`: the value, how its way so far is written, then the segments.
pub(super) fn follow(call: &Call<'_>) -> Outcome {
    let mut here = call.value(0)?;
    for index in 2..call.count() {
        let segment = segment(call, index)?;
        let next = step_owned(&here, &segment);
        here = match next {
            Some(next) => next,
            None => return Err(missing(&call.text(1)?, &here, &segment)),
        };
    }
    Ok(Some(here))
}

/// The same, undefined where a segment leads nowhere.
pub(super) fn follow_softly(call: &Call<'_>) -> Outcome {
    if call.is_undefined(0) {
        return Ok(None);
    }
    let mut here = call.value(0)?;
    for index in 2..call.count() {
        match step_owned(&here, &segment(call, index)?) {
            Some(next) => here = next,
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}

pub(super) fn attr(call: &Call<'_>) -> Outcome {
    Ok(step_owned(&call.value(0)?, &segment(call, 1)?))
}

/// The map that an argument is; null is an empty one.
fn map(call: &Call<'_>) -> Result<Arc<Map>, TemplateError> {
    match call.value(0)? {
        Value::Map(entries) => {
            call.meter.work(entries.len())?;
            Ok(entries)
        }
        Value::Null => Ok(Arc::default()),
        value @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) | Value::Blob(_)) => {
            Err(call.wants(0, "a map", &value))
        }
    }
}

pub(super) fn items(call: &Call<'_>) -> Outcome {
    let entries = map(call)?;
    call.meter.grow_by(entries.len(), 7 * ITEM)?;
    let pair =
        |(key, value): (&Arc<str>, &Value)| Value::list([Value::String(Arc::clone(key)), value.clone()]);
    Ok(Some(Value::list(entries.iter().map(pair))))
}

pub(super) fn keys(call: &Call<'_>) -> Outcome {
    let entries = map(call)?;
    call.meter.list(entries.len())?;
    Ok(Some(Value::list(entries.keys().map(|key| Value::String(Arc::clone(key))))))
}

pub(super) fn values(call: &Call<'_>) -> Outcome {
    let entries = map(call)?;
    call.meter.list(entries.len())?;
    Ok(Some(Value::list(entries.values().cloned())))
}

pub(super) fn get(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    let found = match (&value, segment(call, 1)?) {
        (Value::Null, _) => None,
        (Value::Map(_), segment) => step_owned(&value, &segment),
        (value, _) => return Err(call.wants(0, "a map", value)),
    };
    match found {
        Some(found) => Ok(Some(found)),
        None => Ok(Some(call.optional(2)?.unwrap_or(Value::Null))),
    }
}
