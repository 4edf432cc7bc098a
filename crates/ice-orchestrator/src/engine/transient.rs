//! Transient events of a run: a bounded ring that readers follow and may fall behind of.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

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

/// The ring of one run.
pub(crate) struct TransientHub {
    ring: Mutex<Ring>,
    news: watch::Sender<u64>,
    kept: usize,
}

#[derive(Default)]
struct Ring {
    first: u64,
    events: VecDeque<Transient>,
    last: Option<(NodePath, u32, u64)>,
}

impl TransientHub {
    pub(crate) fn new(kept: usize) -> Self {
        Self { ring: Mutex::default(), news: watch::Sender::new(0), kept }
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

    /// Ticks with every event.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

impl TransientSink for TransientHub {
    fn emit(&self, address: &NodePath, attempt: u32, event: TransientEvent) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = match &ring.last {
            Some((last, of, offset)) if last == address && *of == attempt => offset + 1,
            Some(_) | None => {
                let known = ring.events.iter().rev().find(|known| known.address == *address);
                known.filter(|known| known.attempt == attempt).map_or(0, |known| known.offset + 1)
            }
        };
        ring.last = Some((address.clone(), attempt, offset));
        ring.events.push_back(Transient { address: address.clone(), attempt, offset, event });
        if ring.events.len() > self.kept {
            ring.events.pop_front();
            ring.first += 1;
        }
        let end = ring.first + ring.events.len() as u64;
        drop(ring);
        self.news.send_replace(end);
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
}
