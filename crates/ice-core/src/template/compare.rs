//! Equality, order and truth of values, as the engine has them: numbers by value whatever their kind, a
//! bool equals the number 0 or 1, values of different kinds are ordered by kind.

use std::cmp::Ordering;

use serde_json::Number;

use super::error::TemplateError;
use super::meter::Meter;
use crate::value::Value;

/// How deep values may nest where they are walked.
pub(super) const MAX_DEPTH: usize = 160;

/// What counts as true: everything but null, false, 0 and what is empty.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64().is_none_or(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(entries) => !entries.is_empty(),
        Value::Blob(_) => true,
    }
}

/// Whether two values are equal, paying for what is compared.
pub(super) fn equal(meter: &Meter, left: &Value, right: &Value) -> Result<bool, TemplateError> {
    equal_within(meter, left, right, MAX_DEPTH)
}

fn equal_within(meter: &Meter, left: &Value, right: &Value, depth: usize) -> Result<bool, TemplateError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(too_deep());
    };
    meter.work(1)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Bool(truth), Value::Number(number)) | (Value::Number(number), Value::Bool(truth)) => {
            numbers(&Number::from(u8::from(*truth)), number) == Ordering::Equal
        }
        (Value::Number(left), Value::Number(right)) => numbers(left, right) == Ordering::Equal,
        (Value::String(left), Value::String(right)) => {
            meter.read(left.len().min(right.len()))?;
            left == right
        }
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal_within(meter, left, right, depth)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (key, left) in left.iter() {
                let Some(right) = right.get(key) else { return Ok(false) };
                if !equal_within(meter, left, right, depth)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Blob(left), Value::Blob(right)) => left == right,
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Blob(_),
            _,
        ) => false,
    })
}

/// The order of two values, paying for their size.
pub(super) fn order(meter: &Meter, left: &Value, right: &Value) -> Result<Ordering, TemplateError> {
    meter.work(weigh(meter, left)?.min(weigh(meter, right)?))?;
    Ok(total(left, right))
}

/// The units of work that walking a value takes, at most what the meter has left.
pub(super) fn weigh(meter: &Meter, value: &Value) -> Result<usize, TemplateError> {
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => 1,
        Value::String(text) => 1 + text.len() / 256,
        Value::List(_) | Value::Map(_) => {
            let limit = usize::try_from(meter.limits().steps).unwrap_or(usize::MAX);
            let weight = 1 + nodes(value, limit, MAX_DEPTH)?;
            meter.work(weight)?;
            weight
        }
    })
}

fn nodes(value: &Value, limit: usize, depth: usize) -> Result<usize, TemplateError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(too_deep());
    };
    let mut sum = 1_usize;
    let mut add = |value: &Value, key: usize| {
        sum += nodes(value, limit.saturating_sub(sum), depth)? + key / 256;
        Ok(sum <= limit)
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => {}
        Value::String(text) => sum += text.len() / 256,
        Value::List(items) => {
            for item in items.iter() {
                if !add(item, 0)? {
                    break;
                }
            }
        }
        Value::Map(entries) => {
            for (key, item) in entries.iter() {
                if !add(item, key.len())? {
                    break;
                }
            }
        }
    }
    Ok(sum)
}

/// A total order; what lies deeper than [`MAX_DEPTH`] counts as equal.
pub(super) fn total(left: &Value, right: &Value) -> Ordering {
    total_within(left, right, MAX_DEPTH)
}

fn total_within(left: &Value, right: &Value, depth: usize) -> Ordering {
    let Some(depth) = depth.checked_sub(1) else {
        return Ordering::Equal;
    };
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::List(left), Value::List(right)) => {
            for (left, right) in left.iter().zip(right.iter()) {
                let order = total_within(left, right, depth);
                if order != Ordering::Equal {
                    return order;
                }
            }
            left.len().cmp(&right.len())
        }
        (Value::Map(left), Value::Map(right)) => {
            for ((left_key, left), (right_key, right)) in left.iter().zip(right.iter()) {
                let order = left_key.cmp(right_key).then_with(|| total_within(left, right, depth));
                if order != Ordering::Equal {
                    return order;
                }
            }
            left.len().cmp(&right.len())
        }
        (Value::Blob(left), Value::Blob(right)) => left.hash.cmp(&right.hash),
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Blob(_),
            _,
        ) => rank(left).cmp(&rank(right)),
    }
}

const fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::List(_) => 4,
        Value::Map(_) => 5,
        Value::Blob(_) => 6,
    }
}

/// The number as an integer, if it is written as one.
pub(super) fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// The exact order of two numbers: a float that lies between two integers stands between them.
pub(super) fn numbers(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (None, None) => floats(left.as_f64().unwrap_or(0.0), right.as_f64().unwrap_or(0.0)),
        (Some(left), None) => mixed(left, right.as_f64().unwrap_or(0.0)),
        (None, Some(right)) => mixed(right, left.as_f64().unwrap_or(0.0)).reverse(),
    }
}

fn floats(left: f64, right: f64) -> Ordering {
    if left == right { Ordering::Equal } else { left.total_cmp(&right) }
}

fn mixed(integer: i128, float: f64) -> Ordering {
    // Integers are within 65 bits, so a float beyond 2^100 is decided by its sign alone.
    if float.abs() > 1e30 {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    let whole = float.floor();
    integer.cmp(&(whole as i128)).then(if float > whole { Ordering::Less } else { Ordering::Equal })
}

#[cold]
pub(super) fn too_deep() -> TemplateError {
    TemplateError::too_large(format!("a value nests deeper than {MAX_DEPTH} levels"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::scope::Limits;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_compare_by_value() {
        for (left, right, expected) in [
            ("1", "1.0", Ordering::Equal),
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("-1", "-0.5", Ordering::Less),
            ("18446744073709551615", "1e30", Ordering::Less),
            ("1e300", "5", Ordering::Greater),
            ("-1e300", "5", Ordering::Less),
            ("0", "-0.0", Ordering::Equal),
        ] {
            assert_eq!(total(&value(left), &value(right)), expected, "{left} {right}");
        }
    }

    #[test]
    fn equality_is_deep_and_paid_for() {
        let meter = Meter::new(&Limits::DEFAULT);
        let left = value(r#"{"a":[1,{"b":null}],"c":true}"#);
        assert!(equal(&meter, &left, &value(r#"{"c":1,"a":[1.0,{"b":null}]}"#)).unwrap());
        assert!(!equal(&meter, &left, &value(r#"{"c":true,"a":[1,{"b":0}]}"#)).unwrap());
        let list = Value::list((0..100).map(Value::from));
        assert!(equal(&Meter::new(&Limits { steps: 50, bytes: 0 }), &list, &list.clone()).is_err());
    }

    #[test]
    fn what_nests_too_deep_is_refused() {
        let meter = Meter::new(&Limits::DEFAULT);
        let deep = (0..=MAX_DEPTH).fold(Value::Null, |inner, _| Value::list([inner]));
        assert!(equal(&meter, &deep, &deep).is_err());
        assert!(order(&meter, &deep, &deep).is_err());
    }
}
