//! What memory must do on every store, as functions that tests call with their stores. They panic where it does not.
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

pub(super) mod check;
mod kinds;
mod model;

pub use kinds::kinds;
pub use model::model;

use std::sync::Arc;

use crate::memory::{Memory, MemoryOptions, UnifiedMemoryConfig};
use crate::store::{BlobStore, Store};
#[cfg(test)]
use crate::store::{MemoryBlobs, MemoryStore};
use crate::time::{Moment, TestClock, TestIds};

/// A store, a clock and ids for tests.
pub(super) struct Ground {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) clock: TestClock,
    pub(super) ids: TestIds,
    pub(super) config: UnifiedMemoryConfig,
}

impl Ground {
    #[cfg(test)]
    pub(super) fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    #[cfg(test)]
    pub(super) fn on(store: Arc<dyn Store>) -> Self {
        Self::over(store, Arc::new(MemoryBlobs::new()))
    }

    pub(super) fn over(store: Arc<dyn Store>, blobs: Arc<dyn BlobStore>) -> Self {
        Self {
            store,
            blobs,
            clock: TestClock::new(Moment::from_millis(1_767_225_600_000)),
            ids: TestIds::new(1),
            config: UnifiedMemoryConfig::ephemeral(),
        }
    }

    pub(super) fn options(&self) -> MemoryOptions {
        MemoryOptions::new(Arc::clone(&self.store), Arc::clone(&self.blobs))
            .config(self.config.clone())
            .time(Arc::new(self.clock.clone()), Arc::new(self.ids.clone()))
    }

    pub(super) async fn open(&self) -> Memory {
        Memory::open(self.options()).await.unwrap()
    }
}
