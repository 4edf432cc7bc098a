//! How much a value repeats by sharing. A list of twice the same list is small in memory and doubles when
//! it is written down, so what a template's result repeats counts as built.
//!
//! What was built is told from what was there before by its owners: nothing but the result holds it.

use std::sync::Arc;

use indexmap::IndexMap;

use super::compare::{MAX_DEPTH, too_deep};
use super::error::TemplateError;
use super::meter::{ENTRY, ITEM, Meter};
use crate::value::Value;

/// Pays for what a value would take, written out, beyond what it takes with everything in it once. What
/// only passed through is not walked, unless it stands there several times.
pub(super) fn pay_for_repeats(meter: &Meter, value: &Value) -> Result<(), TemplateError> {
    if owners(value) != Some(1) {
        return Ok(());
    }
    let mut walk = Walk { meter, shared: IndexMap::new() };
    walk.built(value, 1, MAX_DEPTH)?;
    let shared = std::mem::take(&mut walk.shared);
    for part in shared.values() {
        walk.repeated(part.value, part.times.saturating_sub(1), MAX_DEPTH)?;
    }
    Ok(())
}

/// How many hold a value that can be shared, and where it lies.
fn shared(value: &Value) -> Option<(usize, usize)> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => None,
        Value::String(text) => Some((Arc::strong_count(text), Arc::as_ptr(text).cast::<u8>().addr())),
        Value::List(items) => Some((Arc::strong_count(items), Arc::as_ptr(items).addr())),
        Value::Map(entries) => Some((Arc::strong_count(entries), Arc::as_ptr(entries).addr())),
    }
}

fn owners(value: &Value) -> Option<usize> {
    shared(value).map(|(owners, _)| owners)
}

/// A part that has several owners: those within the result that were found so far, and how often the part
/// stands in the result written out.
struct Part<'v> {
    value: &'v Value,
    found: usize,
    times: usize,
}

struct Walk<'m, 'v> {
    meter: &'m Meter,
    /// By address, in an order that does not depend on it.
    shared: IndexMap<usize, Part<'v>>,
}

impl<'v> Walk<'_, 'v> {
    /// A part that was built, and stands in the result so many times.
    fn built(&mut self, value: &'v Value, times: usize, depth: usize) -> Result<(), TemplateError> {
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        self.meter.work(1)?;
        self.meter.grow_by(times.saturating_sub(1), own_size(value))?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) | Value::String(_) => Ok(()),
            Value::List(items) => items.iter().try_for_each(|item| self.child(item, times, depth)),
            Value::Map(entries) => entries.values().try_for_each(|item| self.child(item, times, depth)),
        }
    }

    fn child(&mut self, value: &'v Value, times: usize, depth: usize) -> Result<(), TemplateError> {
        let Some((owners, address)) = shared(value).filter(|(owners, _)| *owners > 1) else {
            return self.built(value, times, depth);
        };
        self.meter.work(1)?;
        let part = self.shared.entry(address).or_insert(Part { value, found: 0, times: 0 });
        part.found += 1;
        part.times = part.times.saturating_add(times);
        if part.found < owners {
            return Ok(());
        }
        // All its owners are within the result: it was built, too.
        let times = part.times;
        self.shared.swap_remove(&address);
        self.built(value, times, depth)
    }

    /// A part that was there before, and stands in the result so many times more than once.
    fn repeated(&mut self, value: &'v Value, times: usize, depth: usize) -> Result<(), TemplateError> {
        if times == 0 {
            return Ok(());
        }
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        self.meter.work(1)?;
        self.meter.grow_by(times, own_size(value))?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) | Value::String(_) => Ok(()),
            Value::List(items) => items.iter().try_for_each(|item| self.repeated(item, times, depth)),
            Value::Map(entries) => entries.values().try_for_each(|item| self.repeated(item, times, depth)),
        }
    }
}

/// The bytes of a value without what it holds.
fn own_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) | Value::List(_) => ITEM,
        Value::String(text) => ITEM + text.len(),
        Value::Map(entries) => ITEM + entries.keys().map(|key| ENTRY + key.len()).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::scope::Limits;

    /// The least bytes that pay for what a value repeats, to within a power of two.
    fn repeats(value: &Value) -> usize {
        let enough = |bytes: &usize| {
            pay_for_repeats(&Meter::new(&Limits { steps: 10_000, bytes: *bytes }), value).is_ok()
        };
        std::iter::once(0).chain((0..60).map(|power| 1 << power)).find(enough).unwrap_or(usize::MAX)
    }

    fn text() -> Value {
        Value::from("x".repeat(1_000))
    }

    #[test]
    fn what_stands_there_once_is_free() {
        assert_eq!(repeats(&Value::list([text(), text()])), 0);
        let outside = Value::list((0..100_000).map(Value::from));
        assert_eq!(repeats(&outside.clone()), 0);
        assert_eq!(repeats(&Value::list([outside.clone(), Value::Null])), 0);
        assert_eq!(repeats(&Value::list([Value::map([("a", outside.clone())])])), 0);
    }

    #[test]
    fn what_stands_there_again_is_paid_for() {
        let outside = text();
        assert_eq!(repeats(&Value::list([outside.clone(), outside.clone()])), 1_024);
        let inner = Value::list([text()]);
        assert_eq!(repeats(&Value::list([inner.clone(), inner])), 2_048);
        let inner = Value::list([text()]);
        let kept = Value::list([inner.clone(), Value::list([inner.clone()])]);
        assert_eq!(repeats(&kept), 2_048);
        drop(inner);
    }

    #[test]
    fn doublings_are_seen_however_they_are_shared() {
        let doubled = (0..40).fold(text(), |inner, _| Value::list([inner.clone(), inner]));
        assert!(repeats(&doubled) > 1 << 40);
        let mapped = (0..40).fold(text(), |inner, _| Value::map([("a", inner.clone()), ("b", inner)]));
        assert!(repeats(&mapped) > 1 << 40);
        let outside = (0..40).fold(text(), |inner, _| Value::list([inner.clone(), inner]));
        assert!(repeats(&Value::list([outside.clone(), outside.clone()])) > 1 << 40);
    }
}
