//! Entries by what they mean: the nearest of their embeddings.

use std::collections::HashMap;
use std::sync::Arc;

use super::contents::{id, item};
use super::wording::{attributes, passing, said};
use crate::embedding::{EmbedContext, EmbedError, Embedded, Embedder, Embedding};
use crate::memory::{
    Candidate, Candidates, Entry, EntryId, IndexChange, Kind, MemoryError, Prepared, WantedCandidates,
};
use crate::segments::{Options, Place, SegmentError};
use crate::store::{Batch, BlobStore, Key, Store};
use crate::vector::{Collection, Item, Metric, Space, Wanted};

/// The most bytes of a text that are embedded.
const EMBEDDED_BYTES: usize = 8 << 10;
/// Texts whose cosine with the query is smaller have nothing to do with it.
const LEAST_COSINE: f32 = 0.15;

/// The index of meanings.
#[derive(Debug)]
pub(super) struct Meaning {
    vectors: Collection,
    folder: Key,
    embedder: Arc<dyn Embedder>,
}

impl Meaning {
    pub(super) async fn open(
        store: Arc<dyn Store>,
        blobs: Arc<dyn BlobStore>,
        root: &Key,
        embedder: Arc<dyn Embedder>,
    ) -> Result<Self, MemoryError> {
        let (model, dimension) = (Arc::from(embedder.model()), embedder.dimension());
        let digest = blake3::hash(format!("{model} {dimension}").as_bytes()).to_hex();
        let folder = Self::folders(root).folder(digest.get(..16).unwrap_or_default());
        let place = Place::new(folder.clone()).map_err(SegmentError::from)?;
        let space = Space { model, dimension, metric: Metric::Cosine };
        let vectors = Collection::open(store, blobs, place, space, Options::default()).await?;
        Ok(Self { vectors, folder, embedder })
    }

    /// Below what the indexes of all models stand.
    pub(super) fn folders(root: &Key) -> Key {
        root.folder("vectors")
    }

    /// Where this index stands.
    pub(super) const fn folder(&self) -> &Key {
        &self.folder
    }

    pub(super) fn vectors(&self) -> Collection {
        self.vectors.clone()
    }

    /// Embeds what an entry says.
    pub(super) async fn prepare(&self, entry: &Entry) -> Result<Prepared, MemoryError> {
        let text = said(entry);
        if entry.kind() == Kind::Working || text.trim().is_empty() {
            return Ok(Prepared::default());
        }
        let embedded = self.embed(&text, &entry.id.to_string()).await.map_err(failed)?;
        let cost = embedded.usage.cost;
        Ok(Prepared { embedding: embedded.vectors.into_iter().next(), cost })
    }

    async fn embed(&self, text: &str, key: &str) -> Result<Embedded, EmbedError> {
        let text = text.get(..text.floor_char_boundary(EMBEDDED_BYTES)).unwrap_or_default();
        let ctx = EmbedContext { idempotency_key: key.to_owned(), ..EmbedContext::default() };
        // A dropped call ends what it waits for.
        let _ends_with_the_call = ctx.cancel.clone().drop_guard();
        self.embedder.embed(&ctx, &[text.to_owned()]).await
    }

    pub(super) async fn change(
        &self,
        batch: Batch,
        changes: &[IndexChange<'_>],
    ) -> Result<Batch, MemoryError> {
        // What is put and changed by the same batch is in no index yet.
        let mut fresh: HashMap<EntryId, Embedding> = HashMap::new();
        let mut batch = batch;
        for change in changes {
            match change {
                IndexChange::Put { entry, prepared } => {
                    let embedding = prepared.and_then(|prepared| prepared.embedding.clone());
                    if let Some(vector) = embedding {
                        fresh.insert(entry.id, vector.clone());
                        batch = self.put(batch, entry, vector)?;
                    }
                }
                IndexChange::Changed { entry, .. } => {
                    let vector = match fresh.get(&entry.id) {
                        Some(vector) => Some(vector.clone()),
                        None => self.vectors.get(item(entry.id)).await?,
                    };
                    if let Some(vector) = vector {
                        batch = self.put(batch, entry, vector)?;
                    }
                }
                IndexChange::Removed { id, .. } => {
                    fresh.remove(id);
                    batch = self.vectors.remove(batch, &[item(*id)]);
                }
            }
        }
        Ok(batch)
    }

    fn put(&self, batch: Batch, entry: &Entry, vector: Embedding) -> Result<Batch, MemoryError> {
        let item = Item { id: item(entry.id), vector, attributes: attributes(entry) };
        Ok(self.vectors.put(batch, &[item])?)
    }

    pub(super) async fn candidates(
        &self,
        wanted: &WantedCandidates<'_>,
    ) -> Result<Vec<Candidates>, MemoryError> {
        let kinds = wanted.kinds.iter().copied().filter(|kind| *kind != Kind::Working);
        let mut all: Vec<Candidates> = kinds
            .map(|kind| Candidates { index: "meaning", kind, ranked: Vec::new(), problem: None })
            .collect();
        if all.is_empty() {
            return Ok(all);
        }
        let embedded = match self.embed(wanted.query, "").await {
            Ok(embedded) => embedded,
            // Words are still there to find by.
            Err(error) => {
                let problem =
                    format!("nothing was searched by meaning: the query could not be embedded: {error}");
                all.iter_mut().for_each(|list| list.problem = Some(problem.clone()));
                return Ok(all);
            }
        };
        let Some(query) = embedded.vectors.first() else { return Ok(all) };
        for list in &mut all {
            let filter = passing(list.kind, wanted.scopes, wanted.filter, wanted.as_of);
            let nearest = Wanted::nearest(wanted.limit.clamp(1, Wanted::MOST)).filtered(filter);
            let hits = self.vectors.search(query, &nearest).await?;
            let near = hits.iter().filter(|hit| hit.score >= LEAST_COSINE);
            list.ranked = near.map(|hit| Candidate { id: id(hit.id), score: hit.score.into() }).collect();
        }
        Ok(all)
    }
}

fn failed(error: EmbedError) -> MemoryError {
    MemoryError::Index {
        code: error.code(),
        message: format!("what is to be remembered could not be embedded: {error}"),
    }
}
