//! Taking documents in, and letting them go.

use std::collections::HashSet;

use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{MAX_NAME_BYTES, SourceDocument, all_passages, label, passages_of};
use super::known::KnownDocument;
use super::passage::{Passage, is_same, number_of};
use crate::memory::{
    Entry, EntryId, Kind, MAX_PAGE, Memory, MemoryError, MemoryKey, Past, Query, Scope, Selector, Write,
};
use crate::value::{Map, Value};

/// How many passages are written at once.
const GROUP: usize = 128;

/// What came of an ingestion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ingested {
    /// Passages that were written; those that stood in their place are superseded.
    pub written: u64,
    /// Passages that were there already.
    pub kept: u64,
    /// Passages that the document has no more: they were forgotten.
    pub ended: u64,
}

impl Memory {
    /// Remembers a document: its passages that are not there yet, many by one commit, and forgets those that it has no more. A
    /// document whose hash is known is not looked at again. Cancel-safe: what was written stays, and the next call goes on there.
    ///
    /// # Errors
    /// As [`Memory::add_passages`].
    pub async fn ingest(
        &self,
        document: &SourceDocument,
        passages: Vec<Passage>,
    ) -> Result<Ingested, MemoryError> {
        if self.has_document(&document.scope, &document.name, &document.hash).await? {
            return Ok(Ingested { kept: document.passages, ..Ingested::default() });
        }
        self.begin_document(document).await?;
        let mut done = self.add_passages(document, passages).await?;
        done.ended = self.end_document(document).await?;
        Ok(done)
    }

    /// Begins to take a document in; does nothing if that was begun before. Then come its [passages](Memory::add_passages) in
    /// any number of calls, and the [end](Memory::end_document).
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if a bound is broken, or as [`Memory::remember`].
    pub async fn begin_document(&self, document: &SourceDocument) -> Result<(), MemoryError> {
        let document = &self.as_kept(document)?;
        if self.standing_record(document).await?.is_none() {
            self.remember(self.record(document)?).await?;
        }
        Ok(())
    }

    /// Remembers those of the passages that are not there as they are.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if a bound is broken, [`MemoryError::Conflict`] if it was not begun, or somebody else has begun
    /// with another version of the document; else as [`Memory::remember`]. Some may be written.
    pub async fn add_passages(
        &self,
        document: &SourceDocument,
        passages: Vec<Passage>,
    ) -> Result<Ingested, MemoryError> {
        let document = &self.as_kept(document)?;
        self.begun(document).await?;
        let mut done = Ingested::default();
        let mut passages = passages.into_iter().peekable();
        while passages.peek().is_some() {
            let group = passages.by_ref().take(GROUP).map(|passage| {
                let hash = passage.hash();
                passage.write(document, &self.kept_hash(&hash))
            });
            let writes: Vec<Write> = group.collect::<Result<_, _>>()?;
            let known = try_join_all(writes.iter().map(|write| self.standing(write))).await?;
            let before = writes.len();
            let new = writes.into_iter().zip(known).filter_map(|(write, known)| {
                let is_there = known.is_some_and(|known| {
                    let kept = self.kept(Write { content: Value::Null, ..write.clone() });
                    is_same(&known, &kept)
                });
                (!is_there).then_some(write)
            });
            let new: Vec<Write> = new.collect();
            done.kept += (before - new.len()) as u64;
            done.written += self.remember_all(new).await?.len() as u64;
        }
        Ok(done)
    }

    /// Ends what was begun: forgets the passages that the document has no more, says how many, and notes that it is complete.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if passages are missing, else as [`Memory::add_passages`]. Add them, and end it again.
    pub async fn end_document(&self, document: &SourceDocument) -> Result<u64, MemoryError> {
        let document = &self.as_kept(document)?;
        let record = self.begun(document).await?;
        if KnownDocument::of(&record).is_some_and(|known| known.complete) {
            return Ok(0);
        }
        let (mut there, mut surplus, mut keys) = (0, Vec::new(), HashSet::new());
        let filter = passages_of(&document.name);
        let mut query = Query::of(document.scope.clone(), Kind::Semantic).filter(filter).limit(MAX_PAGE);
        loop {
            let page = self.list(&query).await?;
            for entry in &page.entries {
                let is_wanted = match number_of(entry) {
                    // A fact of somebody else.
                    None => continue,
                    Some(Some(number)) => number < document.passages,
                    // The policy hides such a number.
                    Some(None) => {
                        if keys.is_empty() {
                            keys = self.keys_of(document)?;
                        }
                        keys.contains(&entry.key)
                    }
                };
                if is_wanted {
                    there += 1;
                } else {
                    surplus.push(entry.id);
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        if there < document.passages {
            let what = format!("the end of the document `{}`", label(&document.name));
            let problem = format!("{there} of its {} passages are there; ingest it again", document.passages);
            return Err(MemoryError::invalid(what, problem));
        }
        let mut ended = 0;
        for ids in surplus.chunks(GROUP) {
            let ids = ids.iter().map(|id| Selector::Id(*id));
            let gone = try_join_all(ids.map(|id| async move { self.forget(&id).await })).await?;
            ended += gone.into_iter().sum::<u64>();
        }
        self.note_complete(record.id, true).await?;
        Ok(ended)
    }

    /// Forgets a document with all its passages; says how many entries it were. After a failure call it again.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if it cannot be the name of one, or as [`Memory::forget`].
    pub async fn forget_document(&self, scope: &Scope, name: &str) -> Result<u64, MemoryError> {
        let record = self.document_entry(scope, name).await?;
        if let Some(record) = &record {
            // Should it be cut short, the document is not taken for whole.
            self.note_complete(record.id, false).await?;
        }
        let kept = self.kept_name(name, MAX_NAME_BYTES);
        let mut gone = self.forget(&all_passages(scope, &kept)).await?;
        if let Some(record) = record {
            gone += self.forget(&Selector::Id(record.id)).await?;
        }
        Ok(gone)
    }

    /// How many entries [`Memory::forget_document`] would forget.
    ///
    /// # Errors
    /// As [`Memory::forget_document`].
    pub async fn count_document(&self, scope: &Scope, name: &str) -> Result<u64, MemoryError> {
        let record = self.document_entry(scope, name).await?;
        let kept = self.kept_name(name, MAX_NAME_BYTES);
        let passages = self.count(&all_passages(scope, &kept), Past::Excluded).await?;
        Ok(passages + u64::from(record.is_some()))
    }

    /// What stands in the place of an entry that is to be written.
    async fn standing(&self, write: &Write) -> Result<Option<Entry>, MemoryError> {
        match &write.key {
            Some(key) => self.get(&write.scope, Kind::Semantic, key).await,
            None => Ok(None),
        }
    }

    /// The record of a document that was begun.
    async fn begun(&self, document: &SourceDocument) -> Result<Entry, MemoryError> {
        self.standing_record(document).await?.ok_or(MemoryError::Conflict { attempts: 1 })
    }

    /// The record of a document, if it is that of this version.
    async fn standing_record(&self, document: &SourceDocument) -> Result<Option<Entry>, MemoryError> {
        let entry = self.document_entry(&document.scope, &document.name).await?;
        let kept = self.kept(self.record(document)?);
        let field = |metadata: &Map, name: &str| metadata.get("source")?.get(name).cloned();
        let is_this = |entry: &Entry| {
            let is_same = |name: &str| field(&entry.metadata, name) == field(&kept.metadata, name);
            ["hash", "passages"].into_iter().all(is_same)
        };
        Ok(entry.filter(is_this))
    }

    /// The entry that is written of a document.
    fn record(&self, document: &SourceDocument) -> Result<Write, MemoryError> {
        document.record(&self.kept_hash(&document.hash))
    }

    /// The keys of its passages, as they are kept.
    fn keys_of(&self, document: &SourceDocument) -> Result<HashSet<MemoryKey>, MemoryError> {
        let keys = (0..document.passages).map(|number| document.passage_key(number));
        keys.map(|key| key.map(|key| self.kept_key(&key))).collect()
    }

    async fn note_complete(&self, id: EntryId, complete: bool) -> Result<(), MemoryError> {
        let change = move |entry: &mut Entry| {
            let mut source =
                entry.metadata.get("source").and_then(Value::as_map).cloned().unwrap_or_default();
            source.insert("complete".into(), Value::from(complete));
            entry.metadata.insert("source".into(), Value::Map(std::sync::Arc::new(source)));
        };
        self.change_entry(id, change).await
    }
}
