//! Filters from one kind of value to another.

use std::sync::Arc;

use super::super::compare::is_true;
use super::super::error::TemplateError;
use super::super::text::text_of;
use super::call::{Call, Outcome};
use super::number::{Operand, float_value, whole_value};
use crate::value::Value;

pub(super) fn string(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    text_of(call.meter, &value).map(|text| Some(Value::String(text)))
}

pub(super) fn bool(call: &Call<'_>) -> Outcome {
    Ok(Some(Value::Bool(call.flag(0)?)))
}

pub(super) fn list(call: &Call<'_>) -> Outcome {
    call.items(0).map(|items| Some(Value::List(items)))
}

/// `value`, or what the call gives as the default at `index`.
fn or_default(call: &Call<'_>, index: usize, value: Result<Value, TemplateError>) -> Outcome {
    match (value, call.optional(index)?) {
        (Ok(value), _) => Ok(Some(value)),
        (Err(_), Some(default)) => Ok(Some(default)),
        (Err(error), None) => Err(error),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float saturates, and the range is checked after"
)]
pub(super) fn int(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    let base = call.integer(2, 10)?;
    let Some(base) = u32::try_from(base).ok().filter(|base| (2..=36).contains(base)) else {
        return Err(call.fails("takes a base from 2 to 36"));
    };
    let converted = match &value {
        Value::Null => whole_value(Some(0)),
        Value::Bool(_) | Value::Number(_) => match Operand::of(&value) {
            Some(Operand::Whole(whole)) => whole_value(Some(whole)),
            Some(Operand::Float(float)) => whole_value(Some(float as i128)),
            None => whole_value(None),
        },
        Value::String(text) => {
            call.meter.read(text.len())?;
            let text = text.trim();
            match (i128::from_str_radix(text, base), text.parse::<f64>()) {
                (Ok(whole), _) => whole_value(Some(whole)),
                (Err(_), Ok(float)) if base == 10 && float.is_finite() => whole_value(Some(float as i128)),
                (Err(_), Ok(_) | Err(_)) => Err(call.wants(0, "text that is a number", &value)),
            }
        }
        Value::List(_) | Value::Map(_) | Value::Blob(_) => Err(call.wants(0, "a number or text", &value)),
    };
    match (&value, call.optional(1)?) {
        (Value::Null, Some(default)) => Ok(Some(default)),
        _ => or_default(call, 1, converted),
    }
}

pub(super) fn float(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    let converted = match &value {
        Value::Null => float_value(0.0),
        Value::Bool(_) | Value::Number(_) => {
            float_value(Operand::of(&value).map_or(f64::NAN, Operand::as_float))
        }
        Value::String(text) => {
            call.meter.read(text.len())?;
            text.trim()
                .parse::<f64>()
                .map_err(|_| call.wants(0, "text that is a number", &value))
                .and_then(float_value)
        }
        Value::List(_) | Value::Map(_) | Value::Blob(_) => Err(call.wants(0, "a number or text", &value)),
    };
    match (&value, call.optional(1)?) {
        (Value::Null, Some(default)) => Ok(Some(default)),
        _ => or_default(call, 1, converted),
    }
}

pub(super) fn length(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    let length = match &value {
        Value::String(text) => {
            call.meter.read(text.len())?;
            text.chars().count()
        }
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        // The output of a skipped node has nothing in it.
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) | Value::Blob(_) => {
            return Err(call.wants(0, "text, a list or a map", &value));
        }
    };
    Ok(Some(Value::from(length)))
}

pub(super) fn default(call: &Call<'_>) -> Outcome {
    if !call.is_undefined(0) {
        let value = call.value(0)?;
        if !call.flag(2)? || is_true(&value) {
            return Ok(Some(value));
        }
    }
    Ok(Some(call.optional(1)?.unwrap_or_else(|| Value::String(Arc::from("")))))
}
