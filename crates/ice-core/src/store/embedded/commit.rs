//! Committing: expectations are checked and the batch is encoded under the lock; what is left is to wait.

use std::sync::Arc;

use super::ack::Ack;
use super::shared::{Shared, State};
use super::table::{Cell, Content, Known, SUM_BYTES, place};
use crate::store::lock::lock;
use crate::store::{
    Change, ChangeKind, CommitError, CommitSeq, Durability, Expect, Expectation, Key, Put, StoreError,
    Version,
};

/// The open group is written once it has this many bytes, even if nobody waits for it.
pub(super) const WRITE_BYTES: usize = 1 << 20;

/// Nothing joins a group that has this many bytes: whoever comes waits until it is written.
const MAX_GROUP_BYTES: usize = 8 << 20;

/// What has become of an attempt to commit.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is done.
    Done(CommitSeq),
    /// It is done once this is acknowledged.
    Waiting(CommitSeq, Arc<Ack>),
    /// It is to be tried again after this.
    Again(Arc<Ack>),
    /// It is to be tried again once the table knows these keys. With the count of evictions.
    Unknown(Vec<Key>, u64),
    /// An expectation does not hold; to be reported once what is in its way is acknowledged.
    Conflict(CommitError, Option<Arc<Ack>>),
}

/// What the log knows of a key, with commits that are not acknowledged included.
enum Newest {
    Version(Version, Option<Arc<Ack>>),
    Absent(Option<Arc<Ack>>),
    Unknown,
}

impl State {
    fn newest(&self, key: &Key) -> Newest {
        match self.table.newest(key.as_str()) {
            Known::Cell(cell) => {
                let pending = if self.table.is_acked(cell) { None } else { self.ack_of(cell.version) };
                match cell.content {
                    Content::Gone => Newest::Absent(pending),
                    Content::Small(_) | Content::Large { .. } | Content::Place(_) => {
                        Newest::Version(Version(cell.version), pending)
                    }
                }
            }
            Known::Unknown => Newest::Unknown,
            Known::Absent => Newest::Absent(None),
        }
    }

    /// Checks the expectations. Returns what stands in the way, if anything.
    fn check(&self, expectations: &[Expectation]) -> Option<Attempt> {
        let mut unknown = Vec::new();
        for Expectation { key, expect } in expectations {
            let (found, pending) = match self.newest(key) {
                Newest::Version(version, pending) => (Some(version), pending),
                Newest::Absent(pending) => (None, pending),
                Newest::Unknown => {
                    unknown.push(key.clone());
                    continue;
                }
            };
            let holds = match expect {
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(*version),
            };
            if !holds {
                let error = CommitError::Conflict { key: key.clone(), expected: *expect, found };
                return Some(Attempt::Conflict(error, pending));
            }
        }
        (!unknown.is_empty()).then_some(Attempt::Unknown(unknown, self.evictions))
    }
}

impl Shared {
    /// Tries to commit. Takes the writes only if the result is [`Attempt::Done`] or [`Attempt::Waiting`].
    pub(super) fn attempt(
        &self,
        writes: &mut Vec<Put>,
        bytes: usize,
        expectations: &[Expectation],
        durability: Durability,
    ) -> Result<Attempt, StoreError> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        state.check_failure()?;
        if state.closing {
            return Err(StoreError::Unavailable { what: "the store is closed".to_owned(), source: None });
        }
        if let Some(attempt) = state.check(expectations) {
            return Ok(attempt);
        }
        if writes.is_empty() {
            return Ok(self.barrier_attempt(state, durability));
        }
        if state.last >= state.reserved {
            state.wants.mark = true;
            state.nudge(&self.work, true);
            return Ok(Attempt::Again(Arc::clone(&state.ack)));
        }
        if !state.group.is_empty() && state.group.size() + bytes > MAX_GROUP_BYTES {
            state.wants.write = true;
            state.nudge(&self.work, true);
            return Ok(Attempt::Again(Arc::clone(&state.ack)));
        }
        let seq = self.apply(state, std::mem::take(writes), durability == Durability::Buffered);
        match durability {
            Durability::Buffered => {
                let urgent = state.group.size() >= WRITE_BYTES;
                state.nudge(&self.work, urgent);
                return Ok(Attempt::Done(seq));
            }
            Durability::ProcessCrash => state.wants.write = true,
            Durability::PowerLoss => state.wants.sync = true,
        }
        state.wants.waiters += 1;
        state.nudge(&self.work, true);
        Ok(Attempt::Waiting(seq, Arc::clone(&state.ack)))
    }

    fn barrier_attempt(&self, state: &mut State, durability: Durability) -> Attempt {
        let seq = state.published;
        match durability {
            Durability::Buffered => return Attempt::Done(seq),
            Durability::ProcessCrash if state.group.is_empty() && state.in_flight.is_none() => {
                return Attempt::Done(seq);
            }
            Durability::ProcessCrash => state.wants.write = true,
            Durability::PowerLoss => state.wants.sync = true,
        }
        state.wants.waiters += 1;
        state.nudge(&self.work, true);
        Attempt::Waiting(seq, Arc::clone(&state.ack))
    }

    /// Gives a batch its number, and puts it into the group, the table and the queue of the watchers.
    fn apply(&self, state: &mut State, writes: Vec<Put>, at_once: bool) -> CommitSeq {
        state.last += 1;
        let seq = state.last;
        state.group.begin(seq, writes.len());
        let direct = at_once && state.unpublished.is_empty();
        for Put { key, value } in writes {
            let (kind, content) = match value {
                Some(value) => {
                    let at = state.group_place + state.group.put(&key, &value, None) as u64;
                    let content = match value.len() {
                        small if small <= self.options.inline_bytes => Content::Small(value),
                        // Nobody sees it before it is written, and the log has it from then on.
                        sums if sums <= SUM_BYTES && !at_once => Content::Place(place(at, &value)),
                        _ => Content::Large { at, bytes: value },
                    };
                    (ChangeKind::Put, content)
                }
                None => {
                    state.group.delete(&key);
                    (ChangeKind::Delete, Content::Gone)
                }
            };
            state.unpublished.push_back((at_once, Change { seq: CommitSeq(seq), key: key.clone(), kind }));
            state.table.push(key, Cell { version: seq, at_once, content });
        }
        if direct {
            self.feed.publish(state.unpublished.drain(..).map(|(_, change)| change));
            state.published = CommitSeq(seq);
        }
        CommitSeq(seq)
    }

    /// Asks for everything committed so far to be synced, and the mark; with a new segment after it if
    /// `rotate`. Waits for it, in a thread.
    pub(super) fn barrier(&self, rotate: bool) -> Result<(), StoreError> {
        let mut state = lock(&self.state);
        state.check_failure()?;
        if state.closing {
            return Err(StoreError::Unavailable { what: "the store is closed".to_owned(), source: None });
        }
        state.wants.sync = true;
        state.wants.mark = true;
        state.wants.rotate |= rotate;
        state.nudge(&self.work, true);
        let ack = Arc::clone(&state.ack);
        drop(state);
        ack.block()
    }
}
