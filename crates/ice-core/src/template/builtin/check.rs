//! The tests: `value is name`.

use super::super::compare::{equal, order};
use super::super::error::TemplateError;
use super::call::{Call, Outcome};
use super::number::Operand;
use super::operator;
use crate::value::Value;

fn truth(truth: bool) -> Outcome {
    Ok(Some(Value::Bool(truth)))
}

pub(super) fn defined(call: &Call<'_>) -> Outcome {
    truth(!call.is_undefined(0))
}

pub(super) fn undefined(call: &Call<'_>) -> Outcome {
    truth(call.is_undefined(0))
}

pub(super) fn none(call: &Call<'_>) -> Outcome {
    truth(call.value(0)?.is_null())
}

pub(super) fn boolean(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::Bool(_)))
}

pub(super) fn is_true(call: &Call<'_>) -> Outcome {
    truth(call.value(0)? == Value::Bool(true))
}

pub(super) fn is_false(call: &Call<'_>) -> Outcome {
    truth(call.value(0)? == Value::Bool(false))
}

pub(super) fn number(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::Number(_) | Value::Bool(_)))
}

pub(super) fn integer(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::Number(number) if !number.is_f64()))
}

pub(super) fn float(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::Number(number) if number.is_f64()))
}

pub(super) fn string(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::String(_)))
}

pub(super) fn sequence(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::List(_)))
}

pub(super) fn mapping(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::Map(_)))
}

pub(super) fn iterable(call: &Call<'_>) -> Outcome {
    truth(matches!(call.value(0)?, Value::Null | Value::List(_) | Value::Map(_) | Value::String(_)))
}

/// The argument as a whole number, if it is one.
fn whole(call: &Call<'_>, index: usize) -> Result<Option<i128>, TemplateError> {
    Ok(match Operand::of(&call.value(index)?) {
        Some(Operand::Whole(whole)) => Some(whole),
        Some(Operand::Float(_)) | None => None,
    })
}

pub(super) fn odd(call: &Call<'_>) -> Outcome {
    truth(whole(call, 0)?.is_some_and(|whole| whole % 2 != 0))
}

pub(super) fn even(call: &Call<'_>) -> Outcome {
    truth(whole(call, 0)?.is_some_and(|whole| whole % 2 == 0))
}

pub(super) fn divisibleby(call: &Call<'_>) -> Outcome {
    truth(match (Operand::of(&call.value(0)?), Operand::of(&call.value(1)?)) {
        (Some(Operand::Whole(number)), Some(Operand::Whole(by))) => number.checked_rem(by) == Some(0),
        (Some(number), Some(by)) => number.as_float() % by.as_float() == 0.0,
        (None, _) | (_, None) => false,
    })
}

pub(super) fn startingwith(call: &Call<'_>) -> Outcome {
    let start = call.text(1)?;
    call.meter.read(start.len())?;
    truth(call.text(0)?.starts_with(&*start))
}

pub(super) fn endingwith(call: &Call<'_>) -> Outcome {
    let end = call.text(1)?;
    call.meter.read(end.len())?;
    truth(call.text(0)?.ends_with(&*end))
}

/// Whether a text has letters of a case, and none that is of another.
fn cased(call: &Call<'_>, is: fn(char) -> bool) -> Outcome {
    let Some(text) = call.as_str(0) else {
        return call.value(0).and_then(|_| truth(false));
    };
    call.meter.read(text.len())?;
    let has_case = |character: char| {
        character.is_uppercase()
            || character.is_lowercase()
            || !character.to_lowercase().eq([character])
            || !character.to_uppercase().eq([character])
    };
    truth(text.chars().any(is) && text.chars().all(|character| is(character) || !has_case(character)))
}

pub(super) fn lower(call: &Call<'_>) -> Outcome {
    cased(call, char::is_lowercase)
}

pub(super) fn upper(call: &Call<'_>) -> Outcome {
    cased(call, char::is_uppercase)
}

pub(super) fn eq(call: &Call<'_>) -> Outcome {
    truth(equal(call.meter, &call.value(0)?, &call.value(1)?)?)
}

pub(super) fn ne(call: &Call<'_>) -> Outcome {
    truth(!equal(call.meter, &call.value(0)?, &call.value(1)?)?)
}

fn ordered(call: &Call<'_>, holds: fn(std::cmp::Ordering) -> bool) -> Outcome {
    truth(holds(order(call.meter, &call.value(0)?, &call.value(1)?)?))
}

pub(super) fn lt(call: &Call<'_>) -> Outcome {
    ordered(call, std::cmp::Ordering::is_lt)
}

pub(super) fn le(call: &Call<'_>) -> Outcome {
    ordered(call, std::cmp::Ordering::is_le)
}

pub(super) fn gt(call: &Call<'_>) -> Outcome {
    ordered(call, std::cmp::Ordering::is_gt)
}

pub(super) fn ge(call: &Call<'_>) -> Outcome {
    ordered(call, std::cmp::Ordering::is_ge)
}

pub(super) fn is_in(call: &Call<'_>) -> Outcome {
    operator::contains(call)
}
