//! The operators and literals of expressions, as far as they build, compare or unpack.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::super::compare::{equal, order};
use super::super::error::TemplateError;
use super::super::meter::{ENTRY, ITEM};
use super::super::text::Sink;
use super::call::{Call, Outcome};
use super::number::Operand;
use crate::value::{Map, Value, describe};

/// The most numbers that `range` gives.
pub(super) const MAX_RANGE: i64 = 10_000;

fn truth(truth: bool) -> Outcome {
    Ok(Some(Value::Bool(truth)))
}

/// `left ~ right`
pub(super) fn concatenate(call: &Call<'_>) -> Outcome {
    let mut text = String::new();
    let mut sink = Sink::new(&mut text, call.meter);
    for index in 0..call.count() {
        match call.as_str(index) {
            Some(text) => sink.push(text)?,
            None => sink.value(&call.value(index)?)?,
        }
    }
    Ok(Some(Value::string(text)))
}

fn both(call: &Call<'_>) -> Result<(Value, Value), TemplateError> {
    Ok((call.value(0)?, call.value(1)?))
}

#[cold]
fn unfit(call: &Call<'_>, left: &Value, right: &Value) -> TemplateError {
    TemplateError::failed(format!("{} cannot take {} and {}", call.name(), describe(left), describe(right)))
}

/// `left + right`: numbers, texts, lists.
pub(super) fn add(call: &Call<'_>) -> Outcome {
    let (left, right) = both(call)?;
    match (&left, &right) {
        (Value::String(left), Value::String(right)) => {
            call.meter.grow(left.len())?;
            call.meter.grow(right.len())?;
            Ok(Some(Value::string([&**left, &**right].concat())))
        }
        (Value::List(left), Value::List(right)) => {
            call.meter.list(left.len())?;
            call.meter.list(right.len())?;
            Ok(Some(Value::list(left.iter().chain(right.iter()).cloned())))
        }
        _ => match (Operand::of(&left), Operand::of(&right)) {
            (Some(left), Some(right)) => left.add(right).map(Some),
            (Some(_) | None, Some(_) | None) => Err(unfit(call, &left, &right)),
        },
    }
}

/// `left * right`: numbers, and text or a list times a whole number.
pub(super) fn multiply(call: &Call<'_>) -> Outcome {
    let (left, right) = both(call)?;
    let times = |value: &Value, count: &Value| -> Result<usize, TemplateError> {
        count.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or_else(|| unfit(call, value, count))
    };
    match (&left, &right) {
        (Value::String(text), count) | (count, Value::String(text)) => {
            let count = if text.is_empty() { 0 } else { times(&left, count)? };
            call.meter.grow_by(text.len(), count)?;
            Ok(Some(Value::string(text.repeat(count))))
        }
        (Value::List(items), count) | (count, Value::List(items)) => {
            // Nothing, however often, is nothing: and must not take as long.
            let count = if items.is_empty() { 0 } else { times(&left, count)? };
            call.meter.list(items.len().saturating_mul(count))?;
            Ok(Some(Value::list(std::iter::repeat_n(items, count).flat_map(|items| items.iter().cloned()))))
        }
        _ => match (Operand::of(&left), Operand::of(&right)) {
            (Some(left), Some(right)) => left.multiply(right).map(Some),
            (Some(_) | None, Some(_) | None) => Err(unfit(call, &left, &right)),
        },
    }
}

/// Whether two arguments are equal; two texts are compared where they lie.
fn same(call: &Call<'_>, left: usize, right: usize) -> Result<bool, TemplateError> {
    if let (Some(left), Some(right)) = (call.as_str(left), call.as_str(right)) {
        call.meter.read(left.len().min(right.len()))?;
        return Ok(left == right);
    }
    equal(call.meter, &call.value(left)?, &call.value(right)?)
}

fn ordered(call: &Call<'_>, left: usize, right: usize) -> Result<Ordering, TemplateError> {
    if let (Some(left), Some(right)) = (call.as_str(left), call.as_str(right)) {
        call.meter.read(left.len().min(right.len()))?;
        return Ok(left.cmp(right));
    }
    order(call.meter, &call.value(left)?, &call.value(right)?)
}

pub(super) fn eq(call: &Call<'_>) -> Outcome {
    truth(same(call, 0, 1)?)
}

pub(super) fn ne(call: &Call<'_>) -> Outcome {
    truth(!same(call, 0, 1)?)
}

pub(super) fn lt(call: &Call<'_>) -> Outcome {
    truth(ordered(call, 0, 1)?.is_lt())
}

pub(super) fn le(call: &Call<'_>) -> Outcome {
    truth(ordered(call, 0, 1)?.is_le())
}

pub(super) fn gt(call: &Call<'_>) -> Outcome {
    truth(ordered(call, 0, 1)?.is_gt())
}

pub(super) fn ge(call: &Call<'_>) -> Outcome {
    truth(ordered(call, 0, 1)?.is_ge())
}

/// `a < b <= c`: the operands at even places, the operators as text between them. All operands are
/// evaluated.
pub(super) fn chain(call: &Call<'_>) -> Outcome {
    for at in (1..call.count()).step_by(2) {
        let holds = match call.as_str(at).unwrap_or_default() {
            "==" => same(call, at - 1, at + 1)?,
            "!=" => !same(call, at - 1, at + 1)?,
            "<" => ordered(call, at - 1, at + 1)?.is_lt(),
            "<=" => ordered(call, at - 1, at + 1)?.is_le(),
            ">" => ordered(call, at - 1, at + 1)?.is_gt(),
            ">=" => ordered(call, at - 1, at + 1)?.is_ge(),
            "in" => within(call, at - 1, at + 1)?,
            _ => !within(call, at - 1, at + 1)?,
        };
        if !holds {
            return truth(false);
        }
    }
    truth(true)
}

/// `needle in container`
pub(super) fn contains(call: &Call<'_>) -> Outcome {
    truth(within(call, 0, 1)?)
}

fn within(call: &Call<'_>, needle: usize, container: usize) -> Result<bool, TemplateError> {
    if let Some(text) = call.as_str(container) {
        let needle = match call.as_str(needle) {
            Some(needle) => Cow::Borrowed(needle),
            None => Cow::Owned((*super::super::text::text_of(call.meter, &call.value(needle)?)?).to_owned()),
        };
        call.meter.read(text.len())?;
        return Ok(text.contains(&*needle));
    }
    match call.value(container)? {
        Value::List(items) => {
            let needle = call.value(needle)?;
            for item in items.iter() {
                if equal(call.meter, item, &needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(entries) => match call.as_str(needle) {
            Some(key) => {
                call.meter.read(key.len())?;
                Ok(entries.contains_key(key))
            }
            None => call.value(needle).map(|_| false),
        },
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_)) => {
            Err(TemplateError::failed(format!("`in` cannot look into {}", describe(&value))))
        }
    }
}

/// `[a, b]`
pub(super) fn list(call: &Call<'_>) -> Outcome {
    call.meter.list(call.count())?;
    (0..call.count())
        .map(|index| call.value(index))
        .collect::<Result<_, _>>()
        .map(|items: Vec<_>| Some(items.into()))
}

/// `{key: value}`: keys and values in turn.
pub(super) fn map(call: &Call<'_>) -> Outcome {
    let mut entries = Map::default();
    for index in (0..call.count()).step_by(2) {
        let key = call.text(index)?;
        call.meter.grow(ENTRY + key.len())?;
        entries.insert(Arc::from(&*key), call.value(index + 1)?);
    }
    Ok(Some(Value::from(entries)))
}

/// `value[start:stop:step]`, as Python has it.
pub(super) fn slice(call: &Call<'_>) -> Outcome {
    let bound = |index| -> Result<Option<i64>, TemplateError> {
        match call.optional(index)? {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_i64() {
                Some(bound) => Ok(Some(bound)),
                None => Err(call.wants(index, "a whole number", &value)),
            },
        }
    };
    let (start, stop, step) = (bound(1)?, bound(2)?, bound(3)?.unwrap_or(1));
    if step == 0 {
        return Err(call.fails("cannot step by 0"));
    }
    match call.value(0)? {
        Value::Null => Ok(Some(Value::List(Arc::default()))),
        Value::List(items) => {
            let picked = Picked::new(items.len(), start, stop, step);
            call.meter.list(picked.count)?;
            Ok(Some(Value::list(picked.filter_map(|at| items.get(at).cloned()))))
        }
        Value::String(text) => {
            call.meter.read(text.len())?;
            let length = text.chars().count();
            let picked = Picked::new(length, start, stop, step);
            call.meter.work(picked.count / 16)?;
            call.meter.grow(text.len())?;
            if step == 1 {
                let (skip, take) = (picked.next.unwrap_or(0), picked.count);
                return Ok(Some(Value::string(text.chars().skip(skip).take(take).collect::<String>())));
            }
            call.meter.grow_by(length, size_of::<char>())?;
            let chars: Vec<char> = text.chars().collect();
            Ok(Some(Value::string(picked.filter_map(|at| chars.get(at)).collect::<String>())))
        }
        value @ (Value::Bool(_) | Value::Number(_) | Value::Map(_) | Value::Blob(_)) => {
            Err(call.wants(0, "text or a list", &value))
        }
    }
}

/// The positions a slice picks, in order.
struct Picked {
    next: Option<usize>,
    count: usize,
    step: i64,
}

impl Picked {
    fn new(length: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> Self {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let place = |bound: i64| {
            let bound = if bound < 0 { bound.saturating_add(length) } else { bound };
            bound.clamp(lowest, highest)
        };
        let (first, last) = if step > 0 { (lowest, highest) } else { (highest, lowest) };
        let (start, stop) = (start.map_or(first, place), stop.map_or(last, place));
        let span = if step > 0 { stop - start } else { start - stop };
        let count = if span > 0 { span.unsigned_abs().div_ceil(step.unsigned_abs()) } else { 0 };
        Self { next: usize::try_from(start).ok(), count: usize::try_from(count).unwrap_or(0), step }
    }
}

impl Iterator for Picked {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.count = self.count.checked_sub(1)?;
        let at = self.next?;
        let after = i64::try_from(at).ok().and_then(|at| at.checked_add(self.step));
        self.next = after.and_then(|after| usize::try_from(after).ok());
        Some(at)
    }
}

/// What a `for` with `a, b` iterates over, each item checked to have as many parts.
pub(super) fn rows(call: &Call<'_>) -> Outcome {
    let items = call.items(0)?;
    let width = call.positive(1)?;
    for item in items.iter() {
        check_width(item, width)?;
    }
    Ok(Some(Value::List(items)))
}

/// What a `for` with `if` iterates over: the items that pass are kept in a list of their own.
pub(super) fn kept(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    let count = match &value {
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::String(text) => text.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => 0,
    };
    call.meter.list(count)?;
    Ok(Some(value))
}

/// A name that is bound on some ways only: its value, or the error that it is not known.
pub(super) fn known(call: &Call<'_>) -> Outcome {
    if call.is_undefined(0) {
        return Err(TemplateError::unknown_reference(&call.text(1)?));
    }
    call.value(0).map(Some)
}

/// What `set a, b = value` unpacks, checked to have as many parts.
pub(super) fn unpack(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    check_width(&value, call.positive(1)?)?;
    Ok(Some(value))
}

fn check_width(value: &Value, width: usize) -> Result<(), TemplateError> {
    if value.as_list().is_some_and(|items| items.len() == width) {
        return Ok(());
    }
    Err(TemplateError::failed(format!(
        "{width} names are bound at once, which takes an array of {width} items and not {}",
        describe(value)
    )))
}

/// `range(stop)`, `range(start, stop, step)`
pub(super) fn range(call: &Call<'_>) -> Outcome {
    let first = call.integer(0, 0)?;
    let (start, stop) = match call.optional(1)? {
        None => (0, first),
        Some(_) => (first, call.integer(1, 0)?),
    };
    let step = call.integer(2, 1)?;
    if step == 0 {
        return Err(call.fails("cannot step by 0"));
    }
    let span =
        if step > 0 { i128::from(stop) - i128::from(start) } else { i128::from(start) - i128::from(stop) };
    let count = if span > 0 { span.unsigned_abs().div_ceil(u128::from(step.unsigned_abs())) } else { 0 };
    if count > u128::from(MAX_RANGE.unsigned_abs()) {
        return Err(TemplateError::too_large(format!(
            "`range` gives at most {MAX_RANGE} numbers, not {count}"
        )));
    }
    call.meter.list(usize::try_from(count).unwrap_or(usize::MAX))?;
    call.meter.grow(ITEM)?;
    let numbers = std::iter::successors((count > 0).then_some(start), |at| {
        at.checked_add(step).filter(|next| if step > 0 { *next < stop } else { *next > stop })
    });
    Ok(Some(Value::list(numbers.map(Value::from))))
}
