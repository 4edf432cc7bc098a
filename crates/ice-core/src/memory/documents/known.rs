//! What is known of documents that were ingested.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{DOCUMENT, document_key};
use crate::memory::{Cursor, Entry, Filter, Kind, Memory, MemoryError, Query, Scope};
use crate::time::Moment;

/// A document that was ingested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownDocument {
    /// What it is called.
    pub name: String,
    /// Its hash, as it was given.
    pub hash: String,
    /// How many passages it has.
    pub passages: u64,
    /// How many bytes were read.
    pub bytes: u64,
    /// What sort of document it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether all of its passages are there: not before its ingestion has ended.
    pub complete: bool,
    /// When it was ingested.
    pub learned: Moment,
}

/// Some documents of a scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownDocuments {
    /// The newest first.
    pub documents: Vec<KnownDocument>,
    /// Where the rest begins, if there may be one.
    pub next: Option<Cursor>,
}

impl KnownDocument {
    /// What an entry says; nothing if it is that of no document.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let source = entry.metadata.get("source")?;
        Some(Self {
            name: entry.content.as_str()?.to_owned(),
            hash: source.get("hash")?.as_str()?.to_owned(),
            passages: source.get("passages")?.as_u64()?,
            bytes: source.get("bytes")?.as_u64()?,
            format: source.get("format").and_then(|format| format.as_str()).map(str::to_owned),
            complete: source.get("complete")?.as_bool()?,
            learned: entry.learned,
        })
    }
}

impl Memory {
    /// What is known of a document of this name; nothing if it was not ingested.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if it cannot be the name of one, or as [`Memory::get`].
    pub async fn document(&self, scope: &Scope, name: &str) -> Result<Option<KnownDocument>, MemoryError> {
        Ok(self.document_entry(scope, name).await?.and_then(|entry| KnownDocument::of(&entry)))
    }

    /// The documents of a scope, the newest first; at most so many, at most [`MAX_PAGE`](crate::memory::MAX_PAGE).
    ///
    /// # Errors
    /// As [`Memory::list`].
    pub async fn documents(
        &self,
        scope: &Scope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<KnownDocuments, MemoryError> {
        let filter = Filter { types: vec![DOCUMENT.to_owned()], ..Filter::default() };
        let mut query = Query::of(scope.clone(), Kind::Semantic).filter(filter).limit(limit);
        query.after = after;
        let page = self.list(&query).await?;
        // Others may keep facts of this type as well.
        let documents = page.entries.iter().filter_map(KnownDocument::of).collect();
        Ok(KnownDocuments { documents, next: page.next })
    }

    pub(super) async fn document_entry(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Option<Entry>, MemoryError> {
        let entry = self.get(scope, Kind::Semantic, &document_key(name)?).await?;
        Ok(entry.filter(|entry| KnownDocument::of(entry).is_some_and(|known| known.name == name)))
    }
}
