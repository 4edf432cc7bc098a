//! A handle of an index.

use std::fmt;
use std::sync::Arc;

use super::error::{SegmentError, failed};
use super::follow::{Follower, Origin};
use super::manifest::Manifest;
use super::{ItemId, Options, Payload, Place, View, pending};
use crate::store::{Batch, BlobStore, CommitError, Durability, Store};

/// A handle of an index. Cheap to clone; any number of handles and processes may use the same place.
pub struct Index<P: Payload>(Arc<Inner<P>>);

pub(super) struct Inner<P: Payload> {
    pub(super) origin: Origin<P>,
    pub(super) options: Options,
    pub(super) follower: tokio::sync::Mutex<Follower<P>>,
    /// One compaction at a time: a second one would do the same work in vain.
    pub(super) compacting: tokio::sync::Mutex<()>,
}

impl<P: Payload> Clone for Index<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Payload> fmt::Debug for Index<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("place", self.0.origin.place.root()).finish_non_exhaustive()
    }
}

impl<P: Payload> Index<P> {
    /// Opens the index at a place, or makes it: reads the manifest, its segments and what is pending.
    ///
    /// # Errors
    /// [`SegmentError::Settings`] if it was made with other settings, [`SegmentError::Damaged`] if it cannot be read,
    /// [`SegmentError::Store`] if the store failed.
    pub async fn open(
        store: Arc<dyn Store>,
        blobs: Arc<dyn BlobStore>,
        place: Place,
        payload: P,
        options: Options,
    ) -> Result<Self, SegmentError> {
        let origin = Origin { store, blobs, place, payload: Arc::new(payload) };
        let durability = options.durability.unwrap_or_else(|| best(&origin));
        let found = match origin.store.get(&origin.place.manifest()).await? {
            Some(found) => Some(Manifest::decode(&origin.place.manifest(), &found.value)?),
            None => make(&origin, durability).await?,
        };
        let (found, wanted) = (found.map(|found| found.settings), origin.payload.settings());
        if let Some(found) = found.filter(|found| *found != wanted) {
            return Err(SegmentError::Settings { found: found.to_string(), wanted: wanted.to_string() });
        }
        let follower = tokio::sync::Mutex::new(Follower::begin(&origin).await?);
        let options = Options { durability: Some(durability), ..options };
        Ok(Self(Arc::new(Inner { origin, options, follower, compacting: tokio::sync::Mutex::new(()) })))
    }

    /// Writes an item with the batch of the caller, in place of the one of the same id if there is one.
    #[must_use]
    pub fn put(&self, batch: Batch, id: ItemId, item: &P::Item) -> Batch {
        batch.put(self.0.origin.place.item(id), pending::encode_put(&*self.0.origin.payload, item))
    }

    /// Removes an item with the batch of the caller. One that is not there may be removed too.
    #[must_use]
    pub fn remove(&self, batch: Batch, id: ItemId) -> Batch {
        batch.put(self.0.origin.place.item(id), pending::encode_removed())
    }

    /// What the index holds now: all that was committed before the call, by whomever. Cancel-safe.
    ///
    /// # Errors
    /// [`SegmentError`] if what changed cannot be read.
    pub async fn view(&self) -> Result<Arc<View<P>>, SegmentError> {
        self.0.follower.lock().await.catch_up(&self.0.origin).await
    }

    /// What is kept.
    #[must_use]
    pub fn payload(&self) -> &Arc<P> {
        &self.0.origin.payload
    }

    /// What was set.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.origin.place
    }

    pub(super) fn inner(&self) -> &Inner<P> {
        &self.0
    }
}

/// The best durability that store and blobs both offer.
fn best<P: Payload>(origin: &Origin<P>) -> Durability {
    origin.store.offers().durability.min(origin.blobs.durability())
}

/// Writes the first manifest; gives the one that somebody else wrote meanwhile.
async fn make<P: Payload>(
    origin: &Origin<P>,
    durability: Durability,
) -> Result<Option<Manifest>, SegmentError> {
    let (key, place) = (origin.place.manifest(), &origin.place);
    let manifest = Manifest::new(origin.payload.settings());
    let batch = Batch::new()
        .expect_absent(key.clone())
        .put(key, manifest.encode())
        .put(place.notice(), place.root().as_str().to_owned());
    match origin.store.commit(batch, durability).await {
        Ok(_) => Ok(None),
        Err(CommitError::Conflict { .. }) => Ok(Some(origin.manifest().await?.0)),
        Err(error) => Err(failed(error)),
    }
}
