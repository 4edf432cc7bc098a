//! Indexes of what entries say.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::meaning::Meaning;
use super::wording::{attributes, passing, words};
use crate::embedding::Embedder;
use crate::id::Tenant;
use crate::memory::{
    Candidate, Candidates, Entry, EntryId, IndexChange, Indexes, Kind, MemoryError, Prepared,
    WantedCandidates,
};
use crate::segments::{self, ItemId, Merge, Options, Place, SegmentError};
use crate::store::{Batch, BlobStore, Key, Store};
use crate::text::{Collection as Texts, Document, SearchError, Wanted};
use crate::vector::{Collection as Vectors, VectorError};

/// How many keys are read at once.
const PAGE: usize = 256;

/// Indexes of what a tenant's entries say, kept beside them: by words always, by meaning where there is an embedder.
///
/// Entries of working memory are found by words alone: they come and go too fast to be embedded. A text is embedded up to 8 KiB;
/// what is longer is found by its beginning, and by all of its words. Another embedder has an index of its own: entries of
/// before are found by words, and by meaning once they are written anew. A [purge](Indexes::purge) leaves the index of the present
/// embedder alone.
///
/// ```
/// use std::sync::Arc;
///
/// use ice_core::memory::{ContentIndexes, Fact, Memory, MemoryOptions, Recall, UnifiedMemoryConfig, Write};
/// use ice_core::store::{MemoryBlobs, MemoryStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
/// let indexes = ContentIndexes::open(store.clone(), blobs.clone(), &"local".parse()?, None).await?;
/// let options = MemoryOptions::new(store, blobs).config(UnifiedMemoryConfig::ephemeral()).indexes(Arc::new(indexes));
/// let memory = Memory::open(options).await?;
/// for text in ["Ada likes tea.", "The invoice is due in May.", "Tea is kept in the kitchen."] {
///     memory.remember(Write::fact(text, Fact::default())).await?;
/// }
/// let found = memory.recall(&Recall::new("who likes TEA?")).await?;
/// let texts: Vec<_> = found.entries.iter().map(|found| found.entry.text()).collect();
/// assert_eq!(texts, ["Ada likes tea.", "Tea is kept in the kitchen."]);
/// memory.close().await;
/// # Ok(())
/// # })
/// # }
/// ```
pub struct ContentIndexes {
    store: Arc<dyn Store>,
    /// Below what the indexes by meaning of all models stand.
    folders: Key,
    texts: Texts,
    meaning: Option<Meaning>,
    /// Compactions: one at a time.
    upkeep: Mutex<JoinSet<()>>,
}

impl fmt::Debug for ContentIndexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentIndexes").field("texts", &self.texts).finish_non_exhaustive()
    }
}

impl ContentIndexes {
    /// Opens the indexes of a tenant's memory, or makes them. Must be called within a tokio runtime. They know what is written while
    /// they are given to the memory.
    ///
    /// # Errors
    /// [`MemoryError::Index`] or [`MemoryError::Store`].
    pub async fn open(
        store: Arc<dyn Store>,
        blobs: Arc<dyn BlobStore>,
        tenant: &Tenant,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Result<Self, MemoryError> {
        let root = Key::tenant(tenant).folder("memory");
        let place = Place::new(root.folder("texts")).map_err(SegmentError::from)?;
        let texts = Texts::open(Arc::clone(&store), Arc::clone(&blobs), place, Options::default()).await?;
        let meaning = match embedder {
            Some(embedder) => Some(Meaning::open(Arc::clone(&store), blobs, &root, embedder).await?),
            None => None,
        };
        Ok(Self { store, folders: Meaning::folders(&root), texts, meaning, upkeep: Mutex::default() })
    }

    async fn by_words(&self, wanted: &WantedCandidates<'_>, kind: Kind) -> Result<Candidates, MemoryError> {
        let filter = passing(kind, wanted.scopes, wanted.filter, wanted.as_of);
        let hits = self.texts.search(wanted.query, &Wanted { most: wanted.limit, filter }).await?;
        let ranked = hits.iter().map(|hit| Candidate { id: id(hit.id), score: hit.score.into() }).collect();
        Ok(Candidates { index: "text", kind, ranked, problem: None })
    }

    /// Moves what is pending into segments, merged as said: with [`Merge::All`] nothing of what was erased is left in them. Dropping it
    /// changes nothing.
    ///
    /// # Errors
    /// [`MemoryError::Index`] or [`MemoryError::Store`].
    pub async fn compact(&self, merge: Merge) -> Result<(), MemoryError> {
        self.texts.compact(merge).await?;
        if let Some(meaning) = &self.meaning {
            meaning.vectors().compact(merge).await?;
        }
        Ok(())
    }

    /// Removes the indexes by meaning of all models but the present one.
    async fn discard_others(&self) -> Result<(), MemoryError> {
        let own = self.meaning.as_ref().map(Meaning::folder);
        let (mut others, mut after) = (BTreeSet::new(), None::<Key>);
        loop {
            let page = self.store.scan(&self.folders, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            for entry in &page {
                let below = entry.key.as_str().strip_prefix(self.folders.as_str());
                let name = below.and_then(|below| below.split_once('/')).map(|(name, _)| name);
                others.extend(name.map(|name| self.folders.folder(name)).filter(|one| Some(one) != own));
            }
            after = page.into_iter().next_back().map(|entry| entry.key);
            if is_last {
                break;
            }
        }
        let durability = self.store.offers().durability;
        for other in others {
            let place = Place::new(other).map_err(SegmentError::from)?;
            segments::discard(&*self.store, &place, durability).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Indexes for ContentIndexes {
    fn finds_meanings(&self) -> bool {
        self.meaning.is_some()
    }

    async fn prepare(&self, entry: &Entry) -> Result<Prepared, MemoryError> {
        match &self.meaning {
            Some(meaning) => meaning.prepare(entry).await,
            None => Ok(Prepared::default()),
        }
    }

    async fn change(&self, batch: Batch, changes: &[IndexChange<'_>]) -> Result<Batch, MemoryError> {
        let batch = changes.iter().fold(batch, |batch, change| match change {
            IndexChange::Put { entry, .. } | IndexChange::Changed { entry, is_whole: true } => {
                self.texts.put(batch, item(entry.id), &Document::new(&words(entry), attributes(entry)))
            }
            // Without its content it cannot be written anew: it is found as before, and looked at.
            IndexChange::Changed { is_whole: false, .. } => batch,
            IndexChange::Removed { id, .. } => self.texts.remove(batch, item(*id)),
        });
        match &self.meaning {
            Some(meaning) => meaning.change(batch, changes).await,
            None => Ok(batch),
        }
    }

    async fn candidates(&self, wanted: &WantedCandidates<'_>) -> Result<Vec<Candidates>, MemoryError> {
        let mut all = Vec::new();
        for kind in wanted.kinds {
            all.push(self.by_words(wanted, *kind).await?);
        }
        if let Some(meaning) = &self.meaning {
            all.extend(meaning.candidates(wanted).await?);
        }
        Ok(all)
    }

    /// The indexes of other models go: nobody tells these what was erased.
    async fn purge(&self) -> Result<(), MemoryError> {
        self.compact(Merge::All).await?;
        self.discard_others().await
    }

    /// Waits for a compaction that is under way.
    async fn close(&self) {
        let mut upkeep = std::mem::take(&mut *self.upkeep.lock().unwrap_or_else(PoisonError::into_inner));
        while upkeep.join_next().await.is_some() {}
    }

    fn committed(&self) {
        let mut upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        while upkeep.try_join_next().is_some() {}
        if upkeep.is_empty() {
            let (texts, vectors) = (self.texts.clone(), self.meaning.as_ref().map(Meaning::vectors));
            upkeep.spawn(async move {
                // What is pending is found all the same; it is tried again after the next write.
                if let Err(error) = compact_due(&texts, vectors.as_ref()).await {
                    tracing::warn!(%error, "an index of memory was not compacted");
                }
            });
        }
    }
}

async fn compact_due(texts: &Texts, vectors: Option<&Vectors>) -> Result<(), MemoryError> {
    if texts.is_due().await? {
        texts.compact(Merge::Due).await?;
    }
    if let Some(vectors) = vectors
        && vectors.is_due().await?
    {
        vectors.compact(Merge::Due).await?;
    }
    Ok(())
}

/// An entry as an item of an index.
pub(super) const fn item(id: EntryId) -> ItemId {
    ItemId::new(id.bytes())
}

/// An item of an index as an entry.
pub(super) const fn id(item: ItemId) -> EntryId {
    EntryId::from_bytes(item.bytes())
}

impl From<SegmentError> for MemoryError {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Store(error) => Self::Store(error),
            SegmentError::Place(_)
            | SegmentError::Damaged { .. }
            | SegmentError::Settings { .. }
            | SegmentError::Busy { .. }
            | SegmentError::CutShort => Self::Index { code: error.code(), message: error.to_string() },
        }
    }
}

impl From<VectorError> for MemoryError {
    fn from(error: VectorError) -> Self {
        match error {
            VectorError::Index(error) => error.into(),
            VectorError::Filter(error) => Self::invalid("the filter", error.to_string()),
            VectorError::Mismatch(_) | VectorError::OtherSpace { .. } | VectorError::TooMany { .. } => {
                Self::Index { code: error.code(), message: error.to_string() }
            }
        }
    }
}

impl From<SearchError> for MemoryError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Filter(error) => Self::invalid("the filter", error.to_string()),
            SearchError::Index(error) => error.into(),
        }
    }
}
