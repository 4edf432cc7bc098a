//! Removing an index as a whole.

use super::error::failed;
use super::{Place, SegmentError};
use crate::store::{Batch, Durability, Store};

/// Keys removed at once.
const PAGE: usize = 256;

/// Removes the index at a place: what it is made of goes when blobs that nothing names are collected. A handle on it that somebody still
/// has fails from then on. Dropping the future leaves a part of it: call it again.
///
/// ```
/// use std::sync::Arc;
///
/// use ice_core::segments::{Options, Place, discard};
/// use ice_core::store::{Durability, Key, MemoryBlobs, MemoryStore, Store};
/// use ice_core::text::Collection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
/// let place = Place::new(Key::new("t/local/old/")?)?;
/// Collection::open(store.clone(), blobs, place.clone(), Options::default()).await?;
/// discard(&*store, &place, Durability::Buffered).await?;
/// assert!(store.scan(&Key::new("t/local/")?, None, 1).await?.is_empty());
/// # Ok(())
/// # })
/// # }
/// ```
///
/// # Errors
/// [`SegmentError::Store`] if the store fails.
pub async fn discard(store: &dyn Store, place: &Place, durability: Durability) -> Result<(), SegmentError> {
    let manifest = Batch::new().delete(place.manifest()).delete(place.notice());
    store.commit(manifest, durability).await.map_err(failed)?;
    loop {
        let page = store.scan(place.root(), None, PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        let batch = page.into_iter().fold(Batch::new(), |batch, entry| batch.delete(entry.key));
        store.commit(batch, durability).await.map_err(failed)?;
    }
}
