//! The port: what an index keeps, and how it becomes a segment.

use std::fmt;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{Damage, ItemId, Rows};

/// A segment that is merged, and the rows of it that are no more.
#[derive(Debug)]
pub struct Source<'a, S> {
    /// The segment.
    pub segment: &'a S,
    /// Rows that were removed or written anew.
    pub dead: &'a Rows,
}

/// What an index keeps.
///
/// All of it is computation: nothing here waits, and none of it may panic on bytes that others wrote.
pub trait Payload: fmt::Debug + Send + Sync + 'static {
    /// What is put under an id.
    type Item: fmt::Debug + Send + Sync + 'static;
    /// A segment in memory.
    type Segment: fmt::Debug + Send + Sync + 'static;

    /// What all handles of an index must agree on; written into the manifest when the index is first opened.
    fn settings(&self) -> serde_json::Value;

    /// An item as bytes.
    fn encode(&self, item: &Self::Item) -> Vec<u8>;

    /// An item from the bytes that [`Payload::encode`] has made.
    ///
    /// # Errors
    /// [`Damage`] if they are none.
    fn decode(&self, bytes: &[u8]) -> Result<Self::Item, Damage>;

    /// A segment from those that it takes the place of, without their dead rows, and of items, none of which is alive in them.
    /// Its parts become one blob each, at most [`MAX_BLOB_BYTES`](crate::store::blob::MAX_BLOB_BYTES) long. The same input gives
    /// the same bytes, with any number of threads. Ends soon after `cancel` fires; what it gives then is thrown away.
    fn merge(
        &self,
        from: &[Source<'_, Self::Segment>],
        items: &[(ItemId, &Self::Item)],
        cancel: &CancellationToken,
    ) -> Vec<Bytes>;

    /// A segment from its parts.
    ///
    /// # Errors
    /// [`Damage`] if they are none.
    fn open(&self, parts: Vec<Bytes>) -> Result<Self::Segment, Damage>;

    /// How many rows a segment has, the dead ones included.
    fn rows(&self, segment: &Self::Segment) -> usize;

    /// Where an item stands.
    fn row_of(&self, segment: &Self::Segment, id: ItemId) -> Option<u32>;

    /// The most rows of one segment.
    fn max_rows(&self) -> usize;
}
