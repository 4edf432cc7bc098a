//! How much a value repeats by sharing. A list of twice the same list is small in memory and doubles when
//! it is written down, so what a template's result repeats counts as built.

use std::collections::HashMap;
use std::sync::Arc;

use super::compare::{MAX_DEPTH, too_deep};
use super::error::TemplateError;
use super::meter::{ENTRY, ITEM, Meter};
use crate::value::Value;

/// Pays for what a value would take, written out, beyond what it takes with everything in it once.
pub(super) fn pay_for_repeats(meter: &Meter, value: &Value) -> Result<(), TemplateError> {
    if meter.is_untouched() || !matches!(value, Value::List(_) | Value::Map(_)) {
        return Ok(());
    }
    let mut walk = Walk { meter, seen: HashMap::new(), distinct: 0 };
    let written_out = walk.size(value, MAX_DEPTH)?;
    meter.grow(written_out.saturating_sub(walk.distinct))
}

struct Walk<'a> {
    meter: &'a Meter,
    /// The written-out size of everything shared, by its address.
    seen: HashMap<usize, usize>,
    /// The bytes of everything, once.
    distinct: usize,
}

impl Walk<'_> {
    fn size(&mut self, value: &Value, depth: usize) -> Result<usize, TemplateError> {
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        self.meter.work(1)?;
        let address = match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => {
                self.distinct = self.distinct.saturating_add(ITEM);
                return Ok(ITEM);
            }
            Value::String(text) => Arc::as_ptr(text).cast::<u8>().addr(),
            Value::List(items) => Arc::as_ptr(items).addr(),
            Value::Map(entries) => Arc::as_ptr(entries).addr(),
        };
        if let Some(size) = self.seen.get(&address) {
            return Ok(*size);
        }
        let mut size = ITEM;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => {}
            Value::String(text) => size += text.len(),
            Value::List(items) => {
                for item in items.iter() {
                    size = size.saturating_add(self.size(item, depth)?);
                }
            }
            Value::Map(entries) => {
                for (key, item) in entries.iter() {
                    let entry = self.size(item, depth)?;
                    self.distinct = self.distinct.saturating_add(ENTRY + key.len());
                    size = size.saturating_add(entry).saturating_add(ENTRY + key.len());
                }
            }
        }
        let own = if let Value::String(text) = value { ITEM + text.len() } else { ITEM };
        self.distinct = self.distinct.saturating_add(own);
        self.seen.insert(address, size);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::scope::Limits;

    /// Whether so many bytes are enough to pay for what a value repeats.
    fn enough(value: &Value, bytes: usize) -> bool {
        let meter = Meter::new(&Limits { steps: 1_000_000, bytes: bytes + 1 });
        meter.grow(1).unwrap();
        pay_for_repeats(&meter, value).is_ok()
    }

    #[test]
    fn only_what_is_repeated_is_paid_for() {
        let text = Value::from("x".repeat(1_000));
        assert!(enough(&Value::list([text.clone()]), 0));
        assert!(enough(&Value::list([text.clone(), Value::from("x".repeat(1_000))]), 0));
        let twice = Value::list([text.clone(), text.clone()]);
        assert!(!enough(&twice, 1_000));
        assert!(enough(&twice, 1_000 + ITEM));
        let doubled = (0..40).fold(text, |inner, _| Value::list([inner.clone(), inner]));
        assert!(!enough(&doubled, 1 << 40));
    }
}
