//! How rows are put in order, and when cells count as the same.

use std::cmp::Ordering;

use ice_core::value::Value;
use schemars::JsonSchema;
use serde::Deserialize;

/// A column to sort by.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SortKey {
    /// The column, or a dotted path into one.
    pub column: String,
    /// Whether the greatest come first. Nulls come last either way.
    #[serde(default)]
    pub descending: bool,
}

/// The order of two values of the same kind: numbers by value, texts by code points, false before true.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => match (a.as_u64(), b.as_u64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
            },
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// A total order for sorting: nulls last; of different kinds truth values, numbers, texts, then the rest.
pub(super) fn sort_order(a: &Value, b: &Value, descending: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let order = compare(a, b).unwrap_or_else(|| rank(a).cmp(&rank(b)));
    if descending { order.reverse() } else { order }
}

const fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::List(_) => 3,
        Value::Map(_) | Value::Blob(_) => 4,
        Value::Null => 5,
    }
}

/// A text that two cells share exactly if they count as the same; 1 and 1.0 do.
pub(super) fn identity(value: &Value) -> String {
    match value {
        Value::Number(number) => match value.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9.0e15 => {
                #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
                let whole = float as i64;
                whole.to_string()
            }
            Some(_) | None => number.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::String(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => {
            value.to_string()
        }
    }
}
