//! A collection of vectors.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::codes::Query;
use super::error::VectorError;
use super::item::{Admitted, Item, Row};
use super::merge::GRAPH_ROWS;
use super::payload::Vectors;
use super::search::{Search, Trails};
use super::space::Space;
use super::wanted::{Hit, Wanted};
use crate::embedding::Embedding;
use crate::segments::{Compacted, Found, Index, ItemId, Merge, Options, Part, Place, SegmentError, View};
use crate::store::{Batch, BlobStore, Store};

/// A collection of vectors of one space. Cheap to clone; any number of handles and processes may use the same place.
#[derive(Clone, Debug)]
pub struct Collection {
    index: Index<Vectors>,
    trails: Arc<Trails>,
    /// Searches that compute at a time: as many as there are threads, since each may use all of them.
    computing: Arc<Semaphore>,
}

/// A moment of a collection: what was committed until then, and nothing else.
#[derive(Clone, Debug)]
pub struct Snapshot {
    view: Arc<View<Vectors>>,
    vectors: Arc<Vectors>,
    trails: Arc<Trails>,
}

impl Collection {
    /// Opens the collection at a place, or makes it.
    ///
    /// # Errors
    /// [`VectorError::OtherSpace`] if it was made for another model, dimension or metric; [`VectorError::Index`] if it cannot be read.
    pub async fn open(
        store: Arc<dyn Store>,
        blobs: Arc<dyn BlobStore>,
        place: Place,
        space: Space,
        options: Options,
    ) -> Result<Self, VectorError> {
        Self::open_with(store, blobs, place, space, options, GRAPH_ROWS).await
    }

    pub(super) async fn open_with(
        store: Arc<dyn Store>,
        blobs: Arc<dyn BlobStore>,
        place: Place,
        space: Space,
        options: Options,
        graph_rows: usize,
    ) -> Result<Self, VectorError> {
        let vectors = Vectors { space, threads: options.threads, graph_rows };
        let index = match Index::open(store, blobs, place, vectors, options).await {
            Ok(index) => index,
            Err(SegmentError::Settings { found, wanted }) => {
                return Err(VectorError::OtherSpace { found, wanted });
            }
            Err(error) => return Err(error.into()),
        };
        let computing = Arc::new(Semaphore::new(options.threads.get()));
        Ok(Self { index, trails: Arc::default(), computing })
    }

    /// Writes items with the batch of the caller, each in place of the one of the same id if there is one. They are found once it is
    /// committed.
    ///
    /// # Errors
    /// [`VectorError::Mismatch`] if a vector is not of the space; nothing is written then.
    pub fn put(&self, batch: Batch, items: &[Item]) -> Result<Batch, VectorError> {
        items.iter().try_fold(batch, |batch, item| {
            let vector = self.space().admit(&item.vector)?;
            let row = Row { vector, attributes: item.attributes.clone() };
            Ok(self.index.put(batch, item.id, &row))
        })
    }

    /// Removes items with the batch of the caller. One that is not there may be removed too.
    #[must_use]
    pub fn remove(&self, batch: Batch, ids: &[ItemId]) -> Batch {
        ids.iter().fold(batch, |batch, id| self.index.remove(batch, *id))
    }

    /// The nearest to a query, the nearest first, ties by id. Computes on a thread for that, at most as many searches at a time as
    /// [`Options::threads`] says. Cancel-safe.
    ///
    /// # Errors
    /// [`VectorError::Mismatch`] if the query is not of the space, [`VectorError::TooMany`] and [`VectorError::Filter`] beyond their
    /// bounds, [`VectorError::Index`] if what changed cannot be read.
    pub async fn search(&self, query: &Embedding, wanted: &Wanted) -> Result<Vec<Hit>, VectorError> {
        let query = self.space().admit(query)?;
        check(wanted)?;
        let snapshot = self.snapshot().await?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Ok(snapshot.answer(&query, wanted));
        }
        let permit = Arc::clone(&self.computing).acquire_owned().await.map_err(|_| SegmentError::CutShort)?;
        let wanted = wanted.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let hits = snapshot.answer(&query, &wanted);
            drop(permit);
            hits
        });
        computed.await.map_err(|ended| match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => SegmentError::CutShort.into(),
        })
    }

    /// The collection as it is now, for several searches that see the same.
    ///
    /// # Errors
    /// [`VectorError::Index`] if what changed cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot, VectorError> {
        let view = self.index.view().await?;
        Ok(Snapshot { view, vectors: Arc::clone(self.index.payload()), trails: Arc::clone(&self.trails) })
    }

    /// The vector of an item, of length one where the cosine is asked for; nothing if it is not there. Cancel-safe.
    ///
    /// # Errors
    /// [`VectorError::Index`] if what changed cannot be read.
    pub async fn get(&self, id: ItemId) -> Result<Option<Embedding>, VectorError> {
        let view = self.index.view().await?;
        let numbers = match view.find(&**self.index.payload(), id) {
            Some(Found::Pending(row)) => Some(row.vector.numbers()),
            Some(Found::Row(segment, row)) => segment.floats.row(row),
            None => None,
        };
        let Some(numbers) = numbers else { return Ok(None) };
        let Space { model, dimension, .. } = self.space();
        Ok(Some(Embedding::new(Arc::clone(model), *dimension, numbers)?))
    }

    /// Moves what is pending into segments; see [`Index::compact`].
    ///
    /// # Errors
    /// As [`Index::compact`].
    pub async fn compact(&self, merge: Merge) -> Result<Compacted, VectorError> {
        Ok(self.index.compact(merge).await?)
    }

    /// Whether so much is pending that compaction is due.
    ///
    /// # Errors
    /// [`VectorError::Index`] if what changed cannot be read.
    pub async fn is_due(&self) -> Result<bool, VectorError> {
        Ok(self.index.is_due().await?)
    }

    /// Which vectors it holds.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.index.payload().space
    }
}

impl Snapshot {
    /// As [`Collection::search`], on the thread that calls: for those that compute anyway.
    ///
    /// # Errors
    /// As [`Collection::search`], but for what can only fail when it is read.
    pub fn search(&self, query: &Embedding, wanted: &Wanted) -> Result<Vec<Hit>, VectorError> {
        let query = self.vectors.space.admit(query)?;
        check(wanted)?;
        Ok(self.answer(&query, wanted))
    }

    fn answer(&self, query: &Admitted, wanted: &Wanted) -> Vec<Hit> {
        let codes = Query::new(query.numbers());
        Search { vectors: &self.vectors, query, codes, wanted, trails: &self.trails }.run(&self.view)
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// How many segments they stand in, those that are pending aside.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.view.parts().len()
    }

    /// What the segments take in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.view.parts().iter().map(|part: &Part<super::Segment>| part.segment().bytes()).sum()
    }
}

fn check(wanted: &Wanted) -> Result<(), VectorError> {
    if !(1..=Wanted::MOST).contains(&wanted.k) {
        return Err(VectorError::TooMany { wanted: wanted.k, most: Wanted::MOST });
    }
    Ok(wanted.filter.check()?)
}
