//! How much memory the values of a run take.

use std::sync::Arc;

use ahash::AHashMap;
use ice_core::value::Value;

use crate::journal::Body;
use crate::journal::codec::{EncodeError, MAX_OBJECT_BYTES, plain_weight, values};

/// Values that are lighter as JSON, in bytes, are counted each time they come; so are those that stand in their record.
const LIGHT: usize = 1_024;
/// How much more such a value takes in memory than as JSON.
const SPREAD: usize = 4;
/// The most bytes of what a node takes or gives, written out as JSON: as many as of one object.
const MAX_WRITTEN: u64 = MAX_OBJECT_BYTES as u64;
/// What stands beside a shared value, in bytes.
const SHARED: usize = 16;

/// Counts what the records of one run bring into memory. What is shared counts once: it is known by its address, at
/// which nothing else can stand as long as it lives. So all that lives has been counted.
#[derive(Debug)]
pub(super) struct Holdings {
    /// Made with the first.
    known: Option<AHashMap<usize, Heavy>>,
    bytes: u64,
    most: u64,
}

/// What was found at an address.
#[derive(Clone, Copy, Debug)]
struct Heavy {
    /// What it takes itself, without what it shares.
    own: usize,
    /// What it takes written out as JSON, with all it shares.
    written: u64,
}

/// What a record brings.
#[derive(Debug, Default)]
pub(super) struct Brought {
    bytes: u64,
    /// What it takes written out as JSON.
    written: u64,
    /// Whether a value of it cannot stand in the record.
    is_spread: bool,
    /// Made with the first.
    heavy: Option<AHashMap<usize, Heavy>>,
}

impl Brought {
    /// Whether all values of the record can stand in it.
    pub(super) const fn is_plain(&self) -> bool {
        !self.is_spread
    }
}

impl Holdings {
    pub(super) fn new(most: u64) -> Self {
        Self { known: None, bytes: 0, most }
    }

    /// The same, with this limit from now on.
    pub(super) const fn limited(mut self, most: u64) -> Self {
        self.most = most;
        self
    }

    /// Counts a record that is in the journal already.
    pub(super) fn count(&mut self, body: &Body) {
        let brought = self.brought(body);
        self.keep(brought);
    }

    /// What a record brings, if there is room for it.
    pub(super) fn weigh(&self, body: &Body) -> Result<Brought, EncodeError> {
        let brought = self.brought(body);
        if brought.written > MAX_WRITTEN && can_be_refused(body) {
            return Err(EncodeError::Vast { most: MAX_WRITTEN });
        }
        let fits = brought.bytes == 0 || self.bytes.saturating_add(brought.bytes) <= self.most;
        if fits || !can_be_refused(body) { Ok(brought) } else { Err(EncodeError::Full { most: self.most }) }
    }

    /// Counts a record that somebody else may have made up: written out, it must not be vast.
    pub(super) fn admit(&mut self, body: &Body) -> Result<(), EncodeError> {
        let brought = self.brought(body);
        // The output of a run has those of all its nodes.
        let most = if matches!(body, Body::Ended { .. }) { MAX_WRITTEN * 16 } else { MAX_WRITTEN };
        if brought.written > most {
            return Err(EncodeError::Vast { most });
        }
        self.keep(brought);
        Ok(())
    }

    pub(super) fn keep(&mut self, brought: Brought) {
        self.bytes = self.bytes.saturating_add(brought.bytes);
        if let Some(heavy) = brought.heavy {
            match &mut self.known {
                Some(known) => known.extend(heavy),
                none => *none = Some(heavy),
            }
        }
    }

    fn brought(&self, body: &Body) -> Brought {
        let mut brought = Brought::default();
        if let Body::Asked { question, .. } = body {
            brought.bytes += question.message.len() as u64;
        }
        for value in values(body).into_iter().flatten() {
            if let Some(weight) = plain_weight(value) {
                brought.bytes += (weight * SPREAD) as u64;
                brought.written = weight as u64;
            } else {
                brought.is_spread = true;
                brought.written = self.add(value, &mut brought);
            }
        }
        brought
    }

    /// Adds a value; returns what it takes written out.
    fn add(&self, value: &Value, brought: &mut Brought) -> u64 {
        let weight = value.weight(LIGHT);
        if weight <= LIGHT {
            brought.bytes += (weight * SPREAD) as u64;
            return weight as u64;
        }
        let (address, own) = match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => return weight as u64,
            Value::String(text) => (text.as_ptr() as usize, SHARED + text.len()),
            Value::List(items) => (Arc::as_ptr(items) as usize, SHARED + size_of_val(items.as_slice())),
            Value::Map(entries) => {
                let keys: usize = entries.keys().map(|key| SHARED + key.len()).sum();
                let slots = entries.len() * (size_of::<Arc<str>>() + size_of::<Value>());
                (Arc::as_ptr(entries) as usize, SHARED + keys + slots)
            }
        };
        let known = brought
            .heavy
            .as_ref()
            .and_then(|heavy| heavy.get(&address))
            .or_else(|| self.known.as_ref()?.get(&address))
            .copied();
        if let Some(known) = known.filter(|known| known.own >= own) {
            return known.written;
        }
        brought.bytes += own.saturating_sub(known.map_or(0, |known| known.own)) as u64;
        let mut written = 2_u64;
        match value {
            Value::String(text) => written += text.len() as u64,
            Value::List(items) => {
                for item in items.iter() {
                    written = written.saturating_add(self.add(item, brought)).saturating_add(1);
                }
            }
            Value::Map(entries) => {
                for (key, item) in entries.iter() {
                    written = written.saturating_add(self.add(item, brought));
                    written = written.saturating_add(key.len() as u64 + 4);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => {}
        }
        brought.heavy.get_or_insert_default().insert(address, Heavy { own, written });
        written
    }
}

/// Whether a record that brings too much is refused. How the run went on is recorded in any case.
const fn can_be_refused(body: &Body) -> bool {
    match body {
        Body::Manifest(_)
        | Body::Started { .. }
        | Body::Step { .. }
        | Body::Receipt { .. }
        | Body::Succeeded { .. }
        | Body::Asked { .. }
        | Body::Opened { .. } => true,
        Body::Failed { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Watching { .. }
        | Body::Checked { .. }
        | Body::Alerted { .. }
        | Body::Iterated { .. }
        | Body::Reported { .. }
        | Body::Denied { .. }
        | Body::Escalated { .. }
        | Body::Answered { .. }
        | Body::Closed { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Exceeded { .. }
        | Body::Funded { .. }
        | Body::Migrated(_)
        | Body::Parked { .. }
        | Body::Resumed { .. }
        | Body::Ended { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use ice_core::llm::Usage;

    use super::*;

    fn gave(output: Value) -> Body {
        Body::Succeeded {
            node: "n".parse().unwrap(),
            output,
            usage: Usage::default(),
            stream: None,
            cached: false,
        }
    }

    #[test]
    fn what_is_shared_counts_once_and_its_like_again() {
        let mut holdings = Holdings::new(300_000);
        let text = || Value::from("x".repeat(100_000));
        let first = text();
        for _ in 0..50 {
            let body = gave(Value::list([first.clone(), first.clone()]));
            let brought = holdings.weigh(&body).unwrap();
            holdings.keep(brought);
        }
        assert!((100_000..110_000).contains(&holdings.bytes), "{}", holdings.bytes);
        let (second, third) = (text(), text());
        let brought = holdings.weigh(&gave(second.clone())).unwrap();
        holdings.keep(brought);
        assert!(matches!(holdings.weigh(&gave(third)), Err(EncodeError::Full { most: 300_000 })));
        assert!(holdings.weigh(&gave(Value::list([first, second]))).is_ok());
    }

    #[test]
    fn a_value_that_holds_itself_many_times_over_is_weighed_at_once() {
        let doubled =
            |times: usize| (0..times).fold(Value::from("x"), |inner, _| Value::list([inner.clone(), inner]));
        let holdings = Holdings::new(100_000);
        assert!(holdings.weigh(&gave(doubled(20))).is_ok());
        assert!(matches!(holdings.weigh(&gave(doubled(100))), Err(EncodeError::Vast { .. })));
    }
}
