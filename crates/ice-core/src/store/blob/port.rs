//! The port of the blob store.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;

use super::BlobGuard;
use crate::store::{Durability, StoreError};
use crate::value::BlobHash;

/// The largest blob, in bytes: 1 GiB.
pub const MAX_BLOB_BYTES: u64 = 1 << 30;

/// Finds every blob that a record names. [`BlobStore::collect`] awaits it after it has fixed which blobs are
/// old enough to go.
pub type Reachable<'a> = BoxFuture<'a, Result<HashSet<BlobHash>, StoreError>>;

/// What a collection has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs removed.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that nothing names but that a writer in flight may yet name.
    pub spared: u64,
}

/// Keeps bytes under their BLAKE3 hash. Putting the same bytes again does nothing.
///
/// A writer enters, puts its blobs, commits the record that names them, and only then drops its guard:
///
/// ```
/// # use ice_core::store::{Batch, BlobStore, Durability, Key, MemoryBlobs, MemoryStore, Store};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (store, blobs) = (MemoryStore::new(), MemoryBlobs::new());
/// let guard = blobs.enter();
/// let hash = blobs.put(&guard, "a large text".into(), Durability::Buffered).await.unwrap();
/// let record = Batch::new().put(Key::new("record").unwrap(), hash.to_string());
/// store.commit(record, Durability::Buffered).await.unwrap();
/// drop(guard);
/// assert_eq!(blobs.get(&hash, Some(2..7)).await.unwrap(), "large");
/// # });
/// ```
///
/// All methods are cancel-safe; a `put` that was dropped may or may not have happened.
#[async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Announces a writer: blobs put while the guard lives are not collected, whether or not a record names
    /// them yet.
    fn enter(&self) -> BlobGuard;

    /// Keeps bytes, durable before it returns. Idempotent; a damaged blob of the same hash is replaced.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond [`MAX_BLOB_BYTES`], [`StoreError::Durability`] beyond the offer,
    /// [`StoreError::Full`] or another [`StoreError`] if the disk failed.
    async fn put(
        &self,
        guard: &BlobGuard,
        bytes: Bytes,
        durability: Durability,
    ) -> Result<BlobHash, StoreError>;

    /// The bytes of a blob, or those in `range`, cut at its end. What is returned was checked against the
    /// hash.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`] if it is not there, [`StoreError::Corrupt`] if it is damaged.
    async fn get(&self, hash: &BlobHash, range: Option<Range<u64>>) -> Result<Bytes, StoreError>;

    /// The size of a blob in bytes, or nothing if it is not there. Its content is not checked.
    ///
    /// # Errors
    /// [`StoreError`] if the store failed.
    async fn size(&self, hash: &BlobHash) -> Result<Option<u64>, StoreError>;

    /// Removes the blobs that are not reachable and that no writer in flight has put. `reachable` is awaited
    /// by this call, after the writers in flight are known. One collection runs at a time.
    ///
    /// # Errors
    /// What `reachable` returned, or [`StoreError`] if the store failed; what was removed stays removed.
    async fn collect(&self, reachable: Reachable<'_>) -> Result<Collected, StoreError>;

    /// The best durability on offer.
    fn durability(&self) -> Durability;
}
