//! What callers, committer and keeper share.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use metrics::{Counter, Gauge, Histogram};
use tokio::sync::Notify;

use super::EmbeddedOptions;
use super::ack::Ack;
use super::checkpoint::Checkpoint;
use super::index::Index;
use super::table::Table;
use crate::metrics::{MetricName, counter, gauge, histogram};
use crate::store::disk::Disk;
use crate::store::feed::Feed;
use crate::store::log::{End, Group, Segments};
use crate::store::{Change, CommitSeq, Durability, StoreError};

/// What callers, committer and keeper share. Locks are taken in the order of the fields.
#[derive(Debug)]
pub(super) struct Shared {
    /// Held by whoever writes the index or a checkpoint.
    pub(super) bases: Mutex<Bases>,
    pub(super) state: Mutex<State>,
    /// Wakes the committer.
    pub(super) work: Condvar,
    /// Wakes the keeper.
    pub(super) upkeep: Mutex<Upkeep>,
    pub(super) upkeep_due: Condvar,
    /// Told once, when the store fails.
    pub(super) failed: Notify,
    pub(super) feed: Arc<Feed>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) segments: Arc<Segments>,
    pub(super) index: Option<Index>,
    pub(super) options: EmbeddedOptions,
    pub(super) metrics: Metrics,
}

/// What the log is replayed onto when opening.
#[derive(Debug)]
pub(super) struct Bases {
    pub(super) checkpoint: Option<Checkpoint>,
    /// The end of the log up to which the index is whole.
    pub(super) applied: Option<End>,
}

/// What the keeper is asked to do.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    pub(super) due: bool,
    /// The store closes: a last checkpoint, if it is worth it, and then the end.
    pub(super) closing: bool,
    /// The store was dropped: the end at once.
    pub(super) dropped: bool,
    /// The keeper has ended.
    pub(super) ended: bool,
}

/// The state of the store, changed under one lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) table: Table,
    /// The group that commits join.
    pub(super) group: Group,
    pub(super) ack: Arc<Ack>,
    pub(super) wants: Wants,
    /// The place in the log that the open group will have.
    pub(super) group_place: u64,
    /// The group that is being written.
    pub(super) in_flight: Option<Arc<Ack>>,
    /// The commit number given out last.
    pub(super) last: u64,
    /// Numbers up to this one may be given out.
    pub(super) reserved: u64,
    /// The end of the log as far as it is acknowledged.
    pub(super) settled: End,
    /// Changes that watchers may not see yet, since one before them is not acknowledged, and whether they
    /// themselves may be seen whatever happens.
    pub(super) unpublished: VecDeque<(bool, Change)>,
    /// Every commit up to this one is acknowledged.
    pub(super) published: CommitSeq,
    pub(super) failure: Option<StoreError>,
    pub(super) closing: bool,
    /// Counts how often entries have left the table, so that what was read from the index before is not
    /// taken for what it says now.
    pub(super) evictions: u64,
    pub(super) committer: Committer,
    /// Upkeep is due once the log has reached this place.
    pub(super) checkpoint_due: u64,
    /// Upkeep is due once the table has this many bytes.
    pub(super) spill_due: usize,
}

/// What the open group must get beyond being written some time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    /// How many callers wait for it.
    pub(super) waiters: usize,
    pub(super) write: bool,
    pub(super) sync: bool,
    /// The mark, too, and more numbers if they run low.
    pub(super) mark: bool,
    /// The next group begins a new segment.
    pub(super) rotate: bool,
}

impl Wants {
    pub(super) const fn any(self) -> bool {
        self.write || self.sync || self.mark || self.rotate
    }
}

/// What the committer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Committer {
    /// It looks for work when it is done.
    Busy,
    /// It waits for more to come, with a time-out.
    Lingering,
    /// It waits for so many callers to wait for it, with a short time-out.
    Gathering(usize),
    /// It sleeps.
    Idle,
}

impl State {
    /// Wakes the committer if it would not see by itself in time what there is to do.
    pub(super) fn nudge(&mut self, work: &Condvar, urgent: bool) {
        let wake = match self.committer {
            Committer::Busy => false,
            Committer::Lingering => urgent,
            Committer::Gathering(callers) => self.wants.waiters >= callers || self.closing,
            Committer::Idle => true,
        };
        if wake {
            self.committer = Committer::Busy;
            work.notify_one();
        }
    }

    /// The acknowledgement of the group in which a commit is that is not acknowledged yet.
    pub(super) fn ack_of(&self, seq: u64) -> Option<Arc<Ack>> {
        let open = !self.group.is_empty() && seq >= self.group.first();
        if open { Some(Arc::clone(&self.ack)) } else { self.in_flight.clone() }
    }

    /// Shows watchers what they may see now.
    pub(super) fn publish(&mut self, feed: &Feed) {
        let settled = self.settled.seq;
        let ready =
            self.unpublished.iter().take_while(|(at_once, change)| *at_once || change.seq.0 <= settled);
        let ready = ready.count();
        if ready > 0 {
            feed.publish(self.unpublished.drain(..ready).map(|(_, change)| change));
        }
        let next = self.unpublished.front().map_or(self.last + 1, |(_, change)| change.seq.0);
        self.published = self.published.max(CommitSeq(next.saturating_sub(1)));
    }

    /// What a commit gets to hear after a failure: the failure itself, whose kind says what to do about it.
    pub(super) fn check_failure(&self) -> Result<(), StoreError> {
        self.failure.clone().map_or(Ok(()), Err)
    }
}

/// Turns a failed write or sync into what the caller can act on.
pub(super) fn write_failure(what: &str, error: &io::Error) -> StoreError {
    let described = format!("{what}: {error}");
    if is_full(error) {
        StoreError::Full { what: described }
    } else if is_gone(error) {
        StoreError::Unavailable { what: described, source: None }
    } else {
        // There is one reaction to everything else: open the store again.
        StoreError::Poisoned { cause: described }
    }
}

/// Whether there is no room left for what was to be written.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Whether what was to be written to is no longer there.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, StaleNetworkFileHandle};
    matches!(error.kind(), NotADirectory | NotFound | StaleNetworkFileHandle)
}

/// Handles on the metrics of the store.
#[derive(Clone)]
pub(super) struct Metrics {
    seconds: [Histogram; 3],
    pub(super) batch: Histogram,
    pub(super) sync_seconds: Histogram,
    pub(super) queue: Gauge,
    pub(super) disk_bytes: Gauge,
    pub(super) poisoned: Gauge,
    pub(super) corruption: Counter,
    pub(super) discarded: Counter,
    pub(super) recovery_seconds: Histogram,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let seconds = |durability: Durability| {
            histogram(MetricName::StoreCommitSeconds, &[("durability", &durability.to_string())])
        };
        Self {
            seconds: [
                seconds(Durability::Buffered),
                seconds(Durability::ProcessCrash),
                seconds(Durability::PowerLoss),
            ],
            batch: histogram(MetricName::StoreCommitBatch, &[]),
            sync_seconds: histogram(MetricName::StoreSyncSeconds, &[]),
            queue: gauge(MetricName::StoreQueueDepth, &[]),
            disk_bytes: gauge(MetricName::StoreDiskBytes, &[]),
            poisoned: gauge(MetricName::StorePoisoned, &[]),
            corruption: counter(MetricName::StoreCorruption, &[]),
            discarded: counter(MetricName::StoreRecoveredDiscarded, &[]),
            recovery_seconds: histogram(MetricName::StoreRecoverySeconds, &[]),
        }
    }

    /// Records how long a commit took.
    pub(super) fn committed(&self, durability: Durability, took: std::time::Duration) {
        let [buffered, process_crash, power_loss] = &self.seconds;
        let histogram = match durability {
            Durability::Buffered => buffered,
            Durability::ProcessCrash => process_crash,
            Durability::PowerLoss => power_loss,
        };
        histogram.record(took);
    }
}
