//! A blob store whose bytes are sealed.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;

use super::blob_record::{Found, Record};
use crate::seal::{Entropy, KeyError, SealingKey};
use crate::store::blob::{Collected, MAX_BLOB_BYTES, Reachable};
use crate::store::{Batch, BlobGuard, BlobStore, CommitError, Durability, Key, Store, StoreError};
use crate::value::BlobHash;

/// The most records that are read at a time.
const PAGE: usize = 1_000;
/// The largest blob, in bytes: sealed, one byte is added to 4,096.
const MAX_CLEAR_BYTES: u64 = MAX_BLOB_BYTES - (MAX_BLOB_BYTES >> 12) - (64 << 10);
/// How often a put is tried again that a collection came before.
const TRIES: usize = 8;

/// Blobs around another blob store, which sees sealed bytes. Each blob has a random key of its own, wrapped and kept in a store;
/// the hash that names a blob is that of its clear bytes. A collection removes the key with the blob.
#[derive(Debug)]
pub struct SealedBlobs {
    inner: Arc<dyn BlobStore>,
    store: Arc<dyn Store>,
    master: SealingKey,
    entropy: Arc<dyn Entropy>,
    collecting: tokio::sync::Mutex<()>,
}

impl SealedBlobs {
    /// Seals what comes to a blob store, and keeps the keys in a store, wrapped by `master`. Both are to be used for nothing else
    /// than through sealing, and by one process at a time, as the blob store itself.
    #[must_use]
    pub fn new(
        inner: Arc<dyn BlobStore>,
        store: Arc<dyn Store>,
        master: SealingKey,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { inner, store, master, entropy, collecting: tokio::sync::Mutex::new(()) }
    }

    async fn find(&self, hash: &BlobHash) -> Result<Option<Found>, StoreError> {
        let Some(kept) = self.store.get(&Record::place(hash)).await? else { return Ok(None) };
        let record = Record::unwrap(*hash, &kept.value, &self.master)?;
        Ok(Some(Found { record, version: kept.version }))
    }

    /// Every record.
    async fn all(&self) -> Result<Vec<Found>, StoreError> {
        let (prefix, mut after, mut all) = (Record::prefix(), None::<Key>, Vec::new());
        loop {
            let page = self.store.scan(&prefix, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|entry| entry.key.clone());
            for entry in page {
                let name = entry.key.as_str().strip_prefix(prefix.as_str()).unwrap_or_default();
                let hash: BlobHash = name.parse().map_err(|_| StoreError::Corrupt {
                    what: format!("the key {} names no blob", entry.key),
                })?;
                let record = Record::unwrap(hash, &entry.value, &self.master)?;
                all.push(Found { record, version: entry.version });
            }
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Removes the records of blobs that the collection has removed.
    async fn forget(
        &self,
        reachable: &HashSet<BlobHash>,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        for Found { record, version } in self.all().await? {
            if reachable.contains(&record.hash) || self.inner.size(&record.inner).await?.is_some() {
                continue;
            }
            let place = Record::place(&record.hash);
            let batch = Batch::new().expect_version(place.clone(), version).delete(place);
            match self.store.commit(batch, self.store.offers().durability).await {
                Ok(_) => {
                    collected.removed += 1;
                    collected.bytes += record.size;
                }
                // It was put again meanwhile.
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl BlobStore for SealedBlobs {
    fn enter(&self) -> BlobGuard {
        self.inner.enter()
    }

    async fn put(
        &self,
        guard: &BlobGuard,
        bytes: Bytes,
        durability: Durability,
    ) -> Result<BlobHash, StoreError> {
        if durability > self.durability() {
            return Err(StoreError::Durability { wanted: durability, offered: self.durability() });
        }
        if bytes.len() as u64 > MAX_CLEAR_BYTES {
            let limit = usize::try_from(MAX_CLEAR_BYTES).unwrap_or(usize::MAX);
            return Err(StoreError::TooLarge { what: "a blob that is sealed", size: bytes.len(), limit });
        }
        let hash = BlobHash::of(&bytes);
        let place = Record::place(&hash);
        for _ in 0..TRIES {
            let (mut record, expected, promise) = match self.find(&hash).await? {
                // Sealed again it is the same: what is damaged is replaced. That the record is written again keeps a collection from
                // removing it meanwhile.
                Some(Found { record, version }) => {
                    (record, Batch::new().expect_version(place.clone(), version), Durability::Buffered)
                }
                None => {
                    let record = Record::new(hash, &bytes, &*self.entropy).map_err(KeyError::from)?;
                    (record, Batch::new().expect_absent(place.clone()), durability)
                }
            };
            record.inner = self.inner.put(guard, record.sealed(&bytes), durability).await?;
            let kept = record.wrap(&self.master, &*self.entropy).map_err(KeyError::from)?;
            match self.store.commit(expected.put(place.clone(), kept), promise).await {
                Ok(_) => return Ok(hash),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        let what = format!("keeping the key of a sealed blob: others changed it {TRIES} times meanwhile");
        Err(StoreError::Unavailable { what, source: None })
    }

    async fn get(&self, hash: &BlobHash, range: Option<Range<u64>>) -> Result<Bytes, StoreError> {
        let missing = || StoreError::BlobMissing { hash: hash.to_string() };
        let Found { record, .. } = self.find(hash).await?.ok_or_else(missing)?;
        let wanted = range.unwrap_or(0..record.size);
        let start = wanted.start.min(record.size);
        let wanted = start..wanted.end.clamp(start, record.size);
        let sealed = self.inner.get(&record.inner, Some(record.range(&wanted))).await;
        let is_missing = |error: &StoreError| matches!(error, StoreError::BlobMissing { .. });
        let sealed = sealed.map_err(|error| if is_missing(&error) { missing() } else { error })?;
        record.open(&wanted, &sealed)
    }

    async fn size(&self, hash: &BlobHash) -> Result<Option<u64>, StoreError> {
        let Some(Found { record, .. }) = self.find(hash).await? else { return Ok(None) };
        Ok(self.inner.size(&record.inner).await?.map(|_| record.size))
    }

    async fn collect(&self, reachable: Reachable<'_>) -> Result<Collected, StoreError> {
        let _one_at_a_time = self.collecting.lock().await;
        let mut clear = HashSet::new();
        let sealed = async {
            clear = reachable.await?;
            let all = self.all().await?;
            Ok(all
                .into_iter()
                .filter(|found| clear.contains(&found.record.hash))
                .map(|found| found.record.inner)
                .collect())
        };
        let inner = self.inner.collect(sealed.boxed()).await?;
        let mut collected = Collected { spared: inner.spared, ..Collected::default() };
        self.forget(&clear, &mut collected).await?;
        Ok(collected)
    }

    fn durability(&self) -> Durability {
        self.inner.durability().min(self.store.offers().durability)
    }
}
