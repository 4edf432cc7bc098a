//! What is known of documents that were ingested.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{DOCUMENT, MAX_NAME_BYTES, SourceDocument, check_name, document_key};
use crate::memory::{Cursor, Entry, Filter, Kind, Memory, MemoryError, Query, Scope};
use crate::redact::is_redacted;
use crate::time::Moment;

/// A document that was ingested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownDocument {
    /// What it is called: as it was asked for, or else as it is kept.
    pub name: String,
    /// Whether something in its name is redacted, so that the name that is kept is not that of a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// Its hash as it is kept: as it was given, or under a key where the memory redacts.
    /// [`Memory::has_document`] knows it again.
    pub hash: String,
    /// How many passages it has; 0 if the policy of the memory hides such a number.
    pub passages: u64,
    /// How many bytes were read; 0 if the policy of the memory hides such a number.
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
        let name = entry.content.as_str()?;
        let number = |field: &str| Some(source.get(field)?.as_u64().unwrap_or_default());
        Some(Self {
            name: name.to_owned(),
            redacted: is_redacted(name),
            hash: source.get("hash")?.as_str()?.to_owned(),
            passages: number("passages")?,
            bytes: number("bytes")?,
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
        let known = self.document_entry(scope, name).await?.and_then(|entry| KnownDocument::of(&entry));
        Ok(known.map(|known| KnownDocument { name: name.to_owned(), ..known }))
    }

    /// Whether a document of this name was ingested as a whole, with this hash.
    ///
    /// # Errors
    /// As [`Memory::document`].
    pub async fn has_document(&self, scope: &Scope, name: &str, hash: &str) -> Result<bool, MemoryError> {
        let known = self.document(scope, name).await?;
        Ok(known.is_some_and(|known| known.complete && known.hash == *self.kept_hash(hash)))
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
        check_name(name)?;
        let name = &*self.kept_name(name, MAX_NAME_BYTES);
        let entry = self.get(scope, Kind::Semantic, &document_key(name)?).await?;
        Ok(entry.filter(|entry| KnownDocument::of(entry).is_some_and(|known| known.name == name)))
    }

    /// A document under the name that is kept.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if a bound is broken.
    pub(super) fn as_kept(&self, document: &SourceDocument) -> Result<SourceDocument, MemoryError> {
        document.check()?;
        let name = self.kept_name(&document.name, MAX_NAME_BYTES).into_owned();
        Ok(SourceDocument { name, ..document.clone() })
    }
}
