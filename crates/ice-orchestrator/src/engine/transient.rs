//! Transient events of a run: a bounded ring that readers follow and may fall behind of.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ice_core::path::NodePath;
use ice_core::redact::{Pieces, Redactor};
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
    /// What is shown goes through it.
    redactor: Redactor,
}

#[derive(Default)]
struct Ring {
    first: u64,
    events: VecDeque<Transient>,
    bytes: usize,
    /// The attempts that are under way, by address.
    next: BTreeMap<NodePath, Under>,
}

/// An attempt that is under way at an address.
#[derive(Default)]
struct Under {
    attempt: u32,
    /// The offset of its next event.
    next: u64,
    /// The stream that has not ended.
    pieces: Option<Pieces>,
}

impl Ring {
    /// Adds an event of an attempt.
    fn add(&mut self, address: &NodePath, attempt: u32, event: TransientEvent, kept: usize) {
        let under = self.next.entry(address.clone()).or_default();
        let offset = under.next;
        under.next += 1;
        self.push(Transient { address: address.clone(), attempt, offset, event }, kept);
    }

    /// Shows what was held back of a stream.
    fn end_stream(&mut self, address: &NodePath, kept: usize) {
        let Some(under) = self.next.get_mut(address) else { return };
        let Some(text) = under.pieces.take().map(|mut pieces| pieces.finish()) else { return };
        let attempt = under.attempt;
        if !text.is_empty() {
            self.add(address, attempt, TransientEvent::Token { text }, kept);
        }
    }

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
    pub(crate) fn new(kept: usize, redactor: Redactor) -> Self {
        Self { ring: Mutex::default(), news: OnceLock::new(), kept, redactor }
    }

    /// A stream has ended: what was held back of it, lest a secret is seen that is cut over two pieces, is shown.
    pub(crate) fn stream_ended(&self, address: &NodePath) {
        let mut ring = self.lock();
        ring.end_stream(address, self.kept);
        self.tell(ring);
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, ring: MutexGuard<'_, Ring>) {
        let end = ring.first + ring.events.len() as u64;
        drop(ring);
        if let Some(news) = self.news.get() {
            news.send_replace(end);
        }
    }

    /// The events from number `from` on.
    pub(crate) fn read(&self, from: u64) -> TransientRead {
        let ring = self.lock();
        let start = from.max(ring.first);
        let skip = usize::try_from(start - ring.first).unwrap_or(usize::MAX);
        let events: Vec<Transient> = ring.events.iter().skip(skip).cloned().collect();
        let lost = (from < ring.first).then_some((from, ring.first));
        TransientRead { lost, next: start + events.len() as u64, events }
    }

    /// Forgets what is counted for an attempt that has ended, and for its steps.
    pub(crate) fn ended(&self, address: &NodePath) {
        let mut ring = self.lock();
        if !ring.next.is_empty() {
            let within = |known: &NodePath| {
                let rest = known.as_str().strip_prefix(address.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let streams = ring.next.iter().filter(|(known, under)| under.pieces.is_some() && within(known));
            let streams: Vec<NodePath> = streams.map(|(known, _)| known.clone()).collect();
            streams.iter().for_each(|known| ring.end_stream(known, self.kept));
            ring.next.retain(|known, _| !within(known));
            if !streams.is_empty() {
                self.tell(ring);
            }
        }
    }

    /// Ticks with every event.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.news.get_or_init(watch::Sender::default).subscribe()
    }
}

impl TransientSink for TransientHub {
    fn emit(&self, address: &NodePath, attempt: u32, event: TransientEvent) {
        // It may be large, and nobody waits for it.
        let event = match event {
            TransientEvent::Progress { progress } => {
                let progress = self.redactor.value(&progress).unwrap_or(progress);
                TransientEvent::Progress { progress }
            }
            event @ (TransientEvent::Token { .. } | TransientEvent::StreamReset) => event,
        };
        let mut ring = self.lock();
        let under = ring.next.entry(address.clone()).or_default();
        if under.attempt != attempt {
            *under = Under { attempt, ..Under::default() };
        }
        let event = match event {
            TransientEvent::Token { text } => {
                let pieces = under.pieces.get_or_insert_with(|| Pieces::new(self.redactor.clone()));
                let seen = pieces.push(&text);
                if seen.is_empty() && !text.is_empty() {
                    return;
                }
                TransientEvent::Token { text: seen }
            }
            TransientEvent::StreamReset => {
                under.pieces = None;
                TransientEvent::StreamReset
            }
            progress @ TransientEvent::Progress { .. } => progress,
        };
        ring.add(address, attempt, event, self.kept);
        self.tell(ring);
    }
}

impl fmt::Debug for TransientHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransientHub").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ice_core::redact::{Preset, Redactor};

    use super::*;

    /// A ring that shows everything as it is.
    fn hub(kept: usize) -> TransientHub {
        TransientHub::new(kept, Redactor::preset(Preset::None).unwrap())
    }

    #[test]
    fn a_secret_that_is_cut_over_two_pieces_is_not_shown() {
        let redactor = Redactor::secrets(&Default::default());
        let secret = format!("ghp_{}", "0aB1".repeat(9));
        let hub = TransientHub::new(9, redactor);
        let node: NodePath = "n".parse().unwrap();
        for text in ["It is ", &secret[..20], &secret[20..], ", or", " so"] {
            hub.emit(&node, 1, TransientEvent::Token { text: text.to_owned() });
        }
        hub.stream_ended(&node);
        let seen: Vec<Transient> = hub.read(0).events;
        let text: String = seen
            .iter()
            .map(|one| match &one.event {
                TransientEvent::Token { text } => text.as_str(),
                TransientEvent::Progress { .. } | TransientEvent::StreamReset => "",
            })
            .collect();
        assert_eq!(text, "It is [redacted: github_token], or so");
        let offsets: Vec<u64> = seen.iter().map(|one| one.offset).collect();
        assert_eq!(offsets, (0..offsets.len() as u64).collect::<Vec<_>>());
        hub.emit(&node, 1, TransientEvent::Token { text: secret[..20].to_owned() });
        hub.emit(&node, 1, TransientEvent::StreamReset);
        hub.ended(&node);
        assert_eq!(
            hub.read(0).events.last().unwrap().event,
            TransientEvent::StreamReset,
            "a void stream has no rest"
        );
    }

    #[test]
    fn a_reader_that_fell_behind_is_told_so() {
        let hub = hub(3);
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
        let hub = hub(2);
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
        let hub = hub(100);
        let node: NodePath = "n".parse().unwrap();
        let text = "x".repeat(KEPT_BYTES / 4);
        (0..9).for_each(|_| hub.emit(&node, 1, TransientEvent::Token { text: text.clone() }));
        let read = hub.read(0);
        assert_eq!((read.lost, read.events.len(), read.next), (Some((0, 6)), 3, 9));
        hub.emit(&node, 1, TransientEvent::Token { text: text.repeat(5) });
        assert_eq!(hub.read(0).events.len(), 0);
    }
}
