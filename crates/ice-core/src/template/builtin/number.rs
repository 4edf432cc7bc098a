//! Numbers: arithmetic that never wraps, and the filters over it.

use serde_json::Number;

use super::super::compare::integer;
use super::super::error::TemplateError;
use super::call::{Call, Outcome};
use super::select::attribute_path;
use crate::value::Value;

/// A number on which one can calculate. A bool is 0 or 1.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    Whole(i128),
    Float(f64),
}

impl Operand {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(Self::Whole(i128::from(*truth))),
            Value::Number(number) => match integer(number) {
                Some(whole) => Some(Self::Whole(whole)),
                None => number.as_f64().map(Self::Float),
            },
            Value::Null | Value::String(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what is asked for is the nearest float")]
    pub(super) const fn as_float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }

    fn combine(
        self,
        other: Self,
        whole: fn(i128, i128) -> Option<i128>,
        float: fn(f64, f64) -> f64,
    ) -> Result<Value, TemplateError> {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => whole_value(whole(left, right)),
            (Self::Whole(_) | Self::Float(_), Self::Whole(_) | Self::Float(_)) => {
                float_value(float(self.as_float(), other.as_float()))
            }
        }
    }

    pub(super) fn add(self, other: Self) -> Result<Value, TemplateError> {
        self.combine(other, i128::checked_add, |left, right| left + right)
    }

    pub(super) fn multiply(self, other: Self) -> Result<Value, TemplateError> {
        self.combine(other, i128::checked_mul, |left, right| left * right)
    }
}

/// The value of a whole number, which must fit in 64 bits.
pub(super) fn whole_value(whole: Option<i128>) -> Result<Value, TemplateError> {
    whole.and_then(Number::from_i128).map(Value::Number).ok_or_else(|| {
        TemplateError::failed("a whole number lies beyond 64 bits; use a float, for example `1.0 * x`")
    })
}

/// The value of a float, which must be finite.
pub(super) fn float_value(float: f64) -> Result<Value, TemplateError> {
    Value::try_from(float).map_err(|_| TemplateError::failed("a number is not finite"))
}

fn operand(call: &Call<'_>) -> Result<Operand, TemplateError> {
    let value = call.value(0)?;
    Operand::of(&value).ok_or_else(|| call.wants(0, "a number", &value))
}

pub(super) fn abs(call: &Call<'_>) -> Outcome {
    match operand(call)? {
        Operand::Whole(whole) => whole_value(whole.checked_abs()).map(Some),
        Operand::Float(float) => float_value(float.abs()).map(Some),
    }
}

pub(super) fn round(call: &Call<'_>) -> Outcome {
    let precision = call.integer(1, 0)?;
    let precision = i32::try_from(precision)
        .ok()
        .filter(|precision| precision.abs() <= 300)
        .ok_or_else(|| call.fails("takes a precision from -300 to 300"))?;
    let method = call.optional_text(2)?.unwrap_or("common".into());
    let apply: fn(f64) -> f64 = match &*method {
        "common" => f64::round,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        _ => return Err(call.fails("takes a method `common`, `ceil` or `floor`")),
    };
    match operand(call)? {
        Operand::Whole(whole) if precision >= 0 => whole_value(Some(whole)).map(Some),
        Operand::Whole(whole) => round_whole(whole, precision.unsigned_abs(), &method).map(Some),
        Operand::Float(float) => {
            let scale = 10_f64.powi(precision.abs());
            let rounded =
                if precision >= 0 { apply(float * scale) / scale } else { apply(float / scale) * scale };
            // A float too large to be scaled has no digits there to round.
            float_value(if rounded.is_finite() { rounded } else { float }).map(Some)
        }
    }
}

fn round_whole(whole: i128, digits: u32, method: &str) -> Result<Value, TemplateError> {
    let Some(unit) = 10_i128.checked_pow(digits.min(30)) else {
        return whole_value(Some(0));
    };
    let down = whole.div_euclid(unit) * unit;
    let rest = whole - down;
    let up = rest != 0
        && match method {
            "ceil" => true,
            "floor" => false,
            // Away from zero at the half.
            _ => rest * 2 > unit || (rest * 2 == unit && whole > 0),
        };
    whole_value(Some(if up { down + unit } else { down }))
}

pub(super) fn sum(call: &Call<'_>) -> Outcome {
    let items = call.items(0)?;
    let path = call.optional_text(1)?.map(|attribute| attribute_path(&attribute));
    let mut sum = call.optional(2)?.unwrap_or_else(|| Value::from(0));
    for item in items.iter() {
        let item = match &path {
            None => item.clone(),
            Some(segments) => call.required(item, segments)?,
        };
        let (Some(left), Some(right)) = (Operand::of(&sum), Operand::of(&item)) else {
            return Err(call.wants(0, "a list of numbers", &item));
        };
        sum = left.add(right)?;
    }
    Ok(Some(sum))
}
