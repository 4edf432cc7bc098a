//! An index of texts that lasts.

use std::sync::Arc;

use super::payload::{Document, Texts, View};
use super::{Postings, Terms, best};
use crate::segments::{
    Compacted, Filter, FilterTooDeep, Index, ItemId, Merge, Options, Place, Rows, SegmentError, offload,
};
use crate::store::{Batch, BlobStore, Store};

/// From so many texts on, searches leave the async threads: fewer take less than a millisecond.
const OFFLOAD_TEXTS: usize = 10_000;

/// What a search is to find.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// At most so many.
    pub most: usize,
    /// Among those that pass.
    pub filter: Filter,
}

/// A text that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Which.
    pub id: ItemId,
    /// How well it fits, above 0: comparable among what is found by one query only.
    pub score: f32,
}

/// Why a search found nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SearchError {
    /// The filter cannot be used.
    #[error(transparent)]
    Filter(#[from] FilterTooDeep),
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] SegmentError),
}

/// An index of texts that lasts. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
///
/// use ice_core::segments::{Attributes, ItemId, Merge, Options, Place};
/// use ice_core::store::{Batch, Durability, Key, MemoryBlobs, MemoryStore, Store};
/// use ice_core::text::{Collection, Document, Wanted};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = Arc::new(MemoryStore::new());
/// let place = Place::new(Key::new("t/local/notes/")?)?;
/// let texts = Collection::open(store.clone(), Arc::new(MemoryBlobs::new()), place, Options::default()).await?;
/// let mut batch = Batch::new();
/// for (id, text) in [(1, "A red car."), (2, "The monthly accounts."), (3, "Red wine, and more of it.")] {
///     batch = texts.put(batch, ItemId::new([id; 16]), &Document::new(text, Attributes::default()));
/// }
/// store.commit(batch, Durability::Buffered).await?;
/// texts.compact(Merge::Due).await?;
/// let found = texts.search("RED wine", &Wanted { most: 2, ..Wanted::default() }).await?;
/// assert_eq!(found.iter().map(|hit| hit.id.bytes()[0]).collect::<Vec<_>>(), [3, 1]);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Collection(Index<Texts>);

impl Collection {
    /// Opens the index at a place, or makes it. No text is read again.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub async fn open(
        store: Arc<dyn Store>,
        blobs: Arc<dyn BlobStore>,
        place: Place,
        options: Options,
    ) -> Result<Self, SegmentError> {
        Index::open(store, blobs, place, Texts, options).await.map(Self)
    }

    /// Writes a text with the batch of the caller, in place of the one of the same id if there is one.
    #[must_use]
    pub fn put(&self, batch: Batch, id: ItemId, document: &Document) -> Batch {
        self.0.put(batch, id, document)
    }

    /// Removes a text with the batch of the caller. One that is not there may be removed too.
    #[must_use]
    pub fn remove(&self, batch: Batch, id: ItemId) -> Batch {
        self.0.remove(batch, id)
    }

    /// The texts that fit a query best, by [`best`], the best first. One that no term of the query occurs in does not fit. What was
    /// removed counts in the weights of terms until its segment is merged. Cancel-safe.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(&self, query: &str, wanted: &Wanted) -> Result<Vec<Hit>, SearchError> {
        wanted.filter.check()?;
        let view = self.0.view().await?;
        let (terms, wanted) = (Terms::of(query), wanted.clone());
        if view.len() < OFFLOAD_TEXTS {
            return Ok(search(&view, &terms, &wanted));
        }
        Ok(offload(move || search(&view, &terms, &wanted)).await?)
    }

    /// How many texts there are. Cancel-safe.
    ///
    /// # Errors
    /// As [`Index::view`].
    pub async fn count(&self) -> Result<usize, SegmentError> {
        Ok(self.0.view().await?.len())
    }

    /// Whether a compaction is due.
    ///
    /// # Errors
    /// As [`Index::view`].
    pub async fn is_due(&self) -> Result<bool, SegmentError> {
        self.0.is_due().await
    }

    /// Moves what is pending into a segment: see [`Index::compact`].
    ///
    /// # Errors
    /// As [`Index::compact`].
    pub async fn compact(&self, merge: Merge) -> Result<Compacted, SegmentError> {
        self.0.compact(merge).await
    }
}

fn search(view: &View, query: &Terms, wanted: &Wanted) -> Vec<Hit> {
    let segments: Vec<_> = view.parts().iter().map(crate::segments::Part::segment).collect();
    let passing: Vec<Rows> = view
        .parts()
        .iter()
        .map(|part| part.segment().columns().passing(&wanted.filter).without(part.dead()))
        .collect();
    // For each postings: its segment, and its first row there.
    let places: Vec<(usize, u32, &Postings)> = segments
        .iter()
        .enumerate()
        .flat_map(|(at, segment)| {
            segment.postings.iter().map(move |(first, postings)| (at, *first, postings))
        })
        .collect();
    let pending: Vec<(ItemId, &Document)> = view.pending().collect();
    let parts: Vec<&Postings> = places.iter().map(|(_, _, postings)| *postings).collect();
    let loose: Vec<&Terms> = pending.iter().map(|(_, document)| &document.terms).collect();
    let accepts = |part: usize, document: u32| match places.get(part) {
        Some((segment, first, _)) => {
            passing.get(*segment).is_some_and(|rows| rows.contains(first.saturating_add(document)))
        }
        None => pending
            .get(document as usize)
            .is_some_and(|(_, document)| wanted.filter.accepts(&document.attributes)),
    };
    let found = best(&parts, &loose, query, wanted.most, accepts);
    found
        .into_iter()
        .filter_map(|found| {
            let id = match places.get(found.part) {
                Some((segment, first, _)) => {
                    segments.get(*segment)?.id(first.saturating_add(found.document))?
                }
                None => pending.get(found.document as usize)?.0,
            };
            Some(Hit { id, score: found.score })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::segments::Attributes;
    use crate::store::{Durability, Key, MemoryBlobs, MemoryStore};

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8, String, bool),
        Remove(u8),
        Compact,
        MergeAll,
        Reopen,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let text = "[a-d]( [a-d]){0,5}";
        let step = prop_oneof![
            6 => (0..12_u8, text, any::<bool>()).prop_map(|(id, text, tagged)| Step::Put(id, text, tagged)),
            2 => (0..12_u8).prop_map(Step::Remove),
            1 => Just(Step::Compact),
            1 => Just(Step::MergeAll),
            1 => Just(Step::Reopen),
        ];
        prop::collection::vec(step, 0..40)
    }

    fn place() -> Place {
        Place::new(Key::new("t/local/texts/").unwrap()).unwrap()
    }

    fn attributes(tagged: bool) -> Attributes {
        Attributes { tags: if tagged { vec!["x".to_owned()] } else { Vec::new() }, ..Attributes::default() }
    }

    /// What is found among these documents if all are looked at.
    fn found(model: &BTreeMap<u8, (String, bool)>, query: &str, most: usize, tagged: bool) -> Vec<(u8, f32)> {
        let terms: Vec<Terms> = model.values().map(|(text, _)| Terms::of(text)).collect();
        let all: Vec<(&u8, bool)> = model.iter().map(|(id, (_, is_tagged))| (id, *is_tagged)).collect();
        let loose: Vec<&Terms> = terms.iter().collect();
        let found = best(&[], &loose, &Terms::of(query), most, |_, at| !tagged || all[at as usize].1);
        found.into_iter().map(|found| (*all[found.document as usize].0, found.score)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_finds_what_is_there_however_it_is_kept(steps in steps(), query in "[a-d]( [a-d]){0,2}", tagged: bool) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
                let open = || Collection::open(store.clone(), blobs.clone(), place(), Options::default());
                let mut texts = open().await.unwrap();
                let mut model = BTreeMap::new();
                for step in steps {
                    let batch = match step {
                        Step::Put(id, text, tagged) => {
                            let document = Document::new(&text, attributes(tagged));
                            model.insert(id, (text, tagged));
                            texts.put(Batch::new(), ItemId::new([id; 16]), &document)
                        }
                        Step::Remove(id) => {
                            model.remove(&id);
                            texts.remove(Batch::new(), ItemId::new([id; 16]))
                        }
                        Step::Compact | Step::MergeAll => {
                            let merge = if matches!(step, Step::Compact) { Merge::Due } else { Merge::All };
                            texts.compact(merge).await.unwrap();
                            continue;
                        }
                        Step::Reopen => {
                            texts = open().await.unwrap();
                            continue;
                        }
                    };
                    store.commit(batch, Durability::Buffered).await.unwrap();
                }
                let filter = if tagged { Filter::tag("x") } else { Filter::default() };
                let ids = |hits: &[Hit]| hits.iter().map(|hit| hit.id.bytes()[0]).collect::<Vec<_>>();
                // What was removed still weighs: which are found is the same, not their order.
                let hits = texts.search(&query, &Wanted { most: 99, filter: filter.clone() }).await.unwrap();
                let mut all: Vec<u8> = found(&model, &query, 99, tagged).into_iter().map(|(id, _)| id).collect();
                let mut are = ids(&hits);
                all.sort_unstable();
                are.sort_unstable();
                assert_eq!(are, all);
                assert_eq!(texts.count().await.unwrap(), model.len());
                texts.compact(Merge::All).await.unwrap();
                let hits = texts.search(&query, &Wanted { most: 3, filter }).await.unwrap();
                let scores: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
                let expected = found(&model, &query, 3, tagged);
                assert_eq!(scores, expected.iter().map(|(_, score)| *score).collect::<Vec<_>>());
            });
        }

        #[test]
        fn what_is_no_segment_is_refused(at in 0_usize..600, byte: u8, part in 0_usize..2) {
            use crate::segments::Payload;
            let documents: Vec<Document> = ["a red car", "blue", "red red wine"].map(|text| Document::new(text, attributes(true))).to_vec();
            let items: Vec<(ItemId, &Document)> = (1..).map(|id| ItemId::new([id; 16])).zip(&documents).collect();
            let mut parts = Texts.merge(&[], &items, &tokio_util::sync::CancellationToken::new());
            let mut bytes = parts[part].to_vec();
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            parts[part] = bytes.into();
            if let Ok(segment) = Texts.open(parts) {
                for (id, _) in &items {
                    let _ = Texts.row_of(&segment, *id);
                }
            }
            let mut bytes = Texts.encode(&documents[0]);
            prop_assert_eq!(Texts.decode(&bytes), Ok(documents[0].clone()));
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            let _ = Texts.decode(&bytes);
        }
    }
}
