//! What can be set on an index.

use std::num::NonZeroUsize;

use crate::store::Durability;

/// Threads that one search or compaction uses: as many as the machine has cores, if not said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads(NonZeroUsize);

impl Threads {
    /// So many, 1 to 64.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self(NonZeroUsize::new(threads.clamp(1, 64)).unwrap_or(NonZeroUsize::MIN))
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0.get()
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }
}

/// What can be set on an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Compaction is due once so many items are pending: 4,096.
    pub pending: usize,
    /// The most items that one compaction takes from those that are pending: 65,536. What is left is taken by the next.
    pub at_once: usize,
    /// What compactions are committed with; the best that store and blobs both offer if left out. Items are as durable as the
    /// batches that the caller commits.
    pub durability: Option<Durability>,
    /// Threads of one search or compaction.
    pub threads: Threads,
}

impl Default for Options {
    fn default() -> Self {
        Self { pending: 4_096, at_once: 65_536, durability: None, threads: Threads::default() }
    }
}
