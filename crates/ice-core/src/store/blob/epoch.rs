//! Epochs: which blobs a collection must spare because their writers are still at work.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::store::lock::lock;

/// Numbers writers and collections in one sequence, and knows the writers in flight. For whoever implements the port of the
/// blob store.
#[derive(Clone, Debug, Default)]
pub struct Epochs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: u64,
    /// The epochs in which the writers entered that are still at work.
    writers: BTreeSet<u64>,
}

/// A writer of blobs at work. Drop it once the record that names its blobs is committed.
#[derive(Debug)]
pub struct BlobGuard {
    epochs: Epochs,
    entered: u64,
}

impl Epochs {
    /// Announces a writer.
    #[must_use]
    pub fn enter(&self) -> BlobGuard {
        let mut state = lock(&self.0);
        state.now += 1;
        let entered = state.now;
        state.writers.insert(entered);
        BlobGuard { epochs: self.clone(), entered }
    }

    /// The stamp of a blob that is put now.
    pub(crate) fn now(&self) -> u64 {
        lock(&self.0).now
    }

    /// The writers at work, by the numbers of their guards.
    #[must_use]
    pub fn at_work(&self) -> Vec<u64> {
        lock(&self.0).writers.iter().copied().collect()
    }

    /// Begins a collection: blobs with a stamp below the one returned may go. A writer that is at work now
    /// holds it down, and whoever comes later stamps above it.
    pub(crate) fn advance(&self) -> u64 {
        let mut state = lock(&self.0);
        state.now += 1;
        state.writers.first().copied().unwrap_or(state.now)
    }
}

impl BlobGuard {
    /// The number of this writer among those of its blob store. Never recurs in the life of the store's handle.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.entered
    }
}

impl Drop for BlobGuard {
    fn drop(&mut self) {
        lock(&self.epochs.0).writers.remove(&self.entered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_at_work_holds_the_horizon_down() {
        let epochs = Epochs::default();
        assert_eq!(epochs.advance(), 1);
        let (first, second) = (epochs.enter(), epochs.enter());
        assert_eq!(epochs.now(), 3);
        assert_eq!(epochs.at_work(), [first.number(), second.number()]);
        assert_eq!(epochs.advance(), 2);
        drop(first);
        assert_eq!(epochs.advance(), 3);
        drop(second);
        assert_eq!(epochs.advance(), 6);
    }
}
