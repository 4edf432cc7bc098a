//! Transient events of a run: a bounded ring that readers follow and may fall behind of.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use ice_core::path::NodePath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::executors::{TransientEvent, TransientSink};

/// A transient event with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transient {
    /// The node or step.
    pub address: NodePath,
    /// The attempt.
    pub attempt: u32,
    /// Counts the events of this attempt at this address, from 0.
    pub offset: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: TransientEvent,
}

/// What a reader finds.
#[derive(Clone, Debug, PartialEq)]
pub struct TransientRead {
    /// Events that are no longer kept: from this number up to the first of `events`.
    pub lost: Option<(u64, u64)>,
    /// The events.
    pub events: Vec<Transient>,
    /// Where to read on.
    pub next: u64,
}

/// The bytes of events that a run's ring keeps, roughly.
const KEPT_BYTES: usize = 4 << 20;

/// The ring of one run.
pub(crate) struct TransientHub {
    ring: Mutex<Ring>,
    /// Made with the first reader.
    news: OnceLock<watch::Sender<u64>>,
    kept: usize,
}

#[derive(Default)]
struct Ring {
    first: u64,
    events: VecDeque<Transient>,
    bytes: usize,
    /// The next offset of each attempt that is under way, by address.
    next: BTreeMap<NodePath, (u32, u64)>,
}

impl Ring {
    fn push(&mut self, event: Transient, kept: usize) {
        self.bytes += size(&event);
        self.events.push_back(event);
        while self.events.len() > kept || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= size(&oldest);
            self.first += 1;
        }
    }
}

/// What an event takes, roughly, in bytes.
fn size(event: &Transient) -> usize {
    128 + match &event.event {
        TransientEvent::Token { text } => text.len(),
        TransientEvent::Progress { progress } => progress.weight(KEPT_BYTES),
        TransientEvent::StreamReset => 0,
    }
}

impl TransientHub {
    pub(crate) fn new(kept: usize) -> Self {
        Self { ring: Mutex::default(), news: OnceLock::new(), kept }
    }

    /// The events from number `from` on.
    pub(crate) fn read(&self, from: u64) -> TransientRead {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let start = from.max(ring.first);
        let skip = usize::try_from(start - ring.first).unwrap_or(usize::MAX);
        let events: Vec<Transient> = ring.events.iter().skip(skip).cloned().collect();
        let lost = (from < ring.first).then_some((from, ring.first));
        TransientRead { lost, next: start + events.len() as u64, events }
    }

    /// Forgets what is counted for an attempt that has ended, and for its steps.
    pub(crate) fn ended(&self, address: &NodePath) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if !ring.next.is_empty() {
            let within = |known: &NodePath| {
                let rest = known.as_str().strip_prefix(address.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            ring.next.retain(|known, _| !within(known));
        }
    }

    /// Ticks with every event.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.news.get_or_init(watch::Sender::default).subscribe()
    }
}

impl TransientSink for TransientHub {
    fn emit(&self, address: &NodePath, attempt: u32, event: TransientEvent) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let next = ring.next.entry(address.clone()).or_default();
        if next.0 != attempt {
            *next = (attempt, 0);
        }
        let offset = next.1;
        next.1 += 1;
        ring.push(Transient { address: address.clone(), attempt, offset, event }, self.kept);
        let end = ring.first + ring.events.len() as u64;
        drop(ring);
        if let Some(news) = self.news.get() {
            news.send_replace(end);
        }
    }
}

impl fmt::Debug for TransientHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransientHub").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_fell_behind_is_told_so() {
        let hub = TransientHub::new(3);
        let node: NodePath = "n".parse().unwrap();
        for number in 0..5 {
            hub.emit(&node, 1, TransientEvent::Token { text: number.to_string() });
        }
        let read = hub.read(1);
        assert_eq!((read.lost, read.next), (Some((1, 2)), 5));
        assert_eq!(read.events.iter().map(|event| event.offset).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(hub.read(5), TransientRead { lost: None, events: Vec::new(), next: 5 });
    }

    #[test]
    fn an_attempt_counts_on_whatever_was_dropped_of_it() {
        let hub = TransientHub::new(2);
        let [one, other, step]: [NodePath; 3] = ["a", "b", "a.step"].map(|path| path.parse().unwrap());
        let say = |address: &NodePath, attempt| {
            hub.emit(address, attempt, TransientEvent::Token { text: String::new() });
            let events = hub.read(0).events;
            events.last().unwrap().offset
        };
        assert_eq!(
            [say(&one, 1), say(&one, 1), say(&other, 1), say(&other, 1), say(&other, 1)],
            [0, 1, 0, 1, 2]
        );
        assert_eq!([say(&step, 1), say(&one, 1), say(&one, 2)], [0, 2, 0]);
        hub.ended(&one);
        assert_eq!([say(&other, 1), say(&one, 3), say(&step, 1)], [3, 0, 0]);
    }

    #[test]
    fn large_events_push_out_more_of_the_others() {
        let hub = TransientHub::new(100);
        let node: NodePath = "n".parse().unwrap();
        let text = "x".repeat(KEPT_BYTES / 4);
        (0..9).for_each(|_| hub.emit(&node, 1, TransientEvent::Token { text: text.clone() }));
        let read = hub.read(0);
        assert_eq!((read.lost, read.events.len(), read.next), (Some((0, 6)), 3, 9));
        hub.emit(&node, 1, TransientEvent::Token { text: text.repeat(5) });
        assert_eq!(hub.read(0).events.len(), 0);
    }
}
