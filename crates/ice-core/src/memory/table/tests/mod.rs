//! Tests of the table: against a model, through crashes, and against others who write at the same time.

mod check;
mod crash;
mod model;
mod races;
mod redaction;
mod rules;
mod transfer;

use std::sync::Arc;

use crate::memory::{Memory, MemoryOptions, UnifiedMemoryConfig};
use crate::store::{BlobStore, MemoryBlobs, MemoryStore, Store};
use crate::time::{Moment, TestClock, TestIds};

/// A store, a clock and ids for tests.
struct Ground {
    store: Arc<dyn Store>,
    blobs: Arc<dyn BlobStore>,
    clock: TestClock,
    ids: TestIds,
    config: UnifiedMemoryConfig,
}

impl Ground {
    fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    fn on(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            blobs: Arc::new(MemoryBlobs::new()),
            clock: TestClock::new(Moment::from_millis(1_767_225_600_000)),
            ids: TestIds::new(1),
            config: UnifiedMemoryConfig::ephemeral(),
        }
    }

    fn options(&self) -> MemoryOptions {
        MemoryOptions::new(Arc::clone(&self.store), Arc::clone(&self.blobs))
            .config(self.config.clone())
            .time(Arc::new(self.clock.clone()), Arc::new(self.ids.clone()))
    }

    async fn open(&self) -> Memory {
        Memory::open(self.options()).await.unwrap()
    }
}
