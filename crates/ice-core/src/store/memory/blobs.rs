//! Blobs in memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use crate::store::blob::{BlobGuard, BlobStore, Collected, Epochs, MAX_BLOB_BYTES, Reachable};
use crate::store::lock::lock;
use crate::store::{Durability, StoreError};
use crate::value::BlobHash;

/// Blobs in memory: the given bytes are shared, never copied. Offers [`Durability::Buffered`] only.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    blobs: Mutex<HashMap<BlobHash, Stamped>>,
    epochs: Epochs,
    collecting: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Stamped {
    bytes: Bytes,
    epoch: u64,
}

impl MemoryBlobs {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    fn enter(&self) -> BlobGuard {
        self.epochs.enter()
    }

    async fn put(
        &self,
        _guard: &BlobGuard,
        bytes: Bytes,
        durability: Durability,
    ) -> Result<BlobHash, StoreError> {
        if durability > self.durability() {
            return Err(StoreError::Durability { wanted: durability, offered: self.durability() });
        }
        let limit = usize::try_from(MAX_BLOB_BYTES).unwrap_or(usize::MAX);
        if bytes.len() > limit {
            return Err(StoreError::TooLarge { what: "a blob", size: bytes.len(), limit });
        }
        let hash = BlobHash::of(&bytes);
        let mut blobs = lock(&self.blobs);
        let epoch = self.epochs.now();
        blobs.entry(hash).and_modify(|stamped| stamped.epoch = epoch).or_insert(Stamped { bytes, epoch });
        Ok(hash)
    }

    async fn get(&self, hash: &BlobHash, range: Option<Range<u64>>) -> Result<Bytes, StoreError> {
        let blobs = lock(&self.blobs);
        let found = blobs.get(hash).ok_or_else(|| StoreError::BlobMissing { hash: hash.to_string() })?;
        Ok(match range {
            Some(range) => {
                let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(found.bytes.len());
                let (start, end) = (clamp(range.start), clamp(range.end));
                found.bytes.slice(start..end.max(start))
            }
            None => found.bytes.clone(),
        })
    }

    async fn size(&self, hash: &BlobHash) -> Result<Option<u64>, StoreError> {
        Ok(lock(&self.blobs).get(hash).map(|stamped| stamped.bytes.len() as u64))
    }

    async fn collect(&self, reachable: Reachable<'_>) -> Result<Collected, StoreError> {
        let _one_at_a_time = self.collecting.lock().await;
        let horizon = self.epochs.advance();
        let reachable = reachable.await?;
        let mut collected = Collected::default();
        lock(&self.blobs).retain(|hash, stamped| {
            if reachable.contains(hash) {
                return true;
            }
            let spared = stamped.epoch >= horizon;
            if spared {
                collected.spared += 1;
            } else {
                collected.removed += 1;
                collected.bytes += stamped.bytes.len() as u64;
            }
            spared
        });
        Ok(collected)
    }

    fn durability(&self) -> Durability {
        Durability::Buffered
    }
}
