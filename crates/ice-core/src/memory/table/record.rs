//! How an entry stands in the store, and all keys that follow from it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::marks::marks_of;
use super::places::{Family, Places};
use super::position::{Position, biased};
use super::term::Term;
use crate::memory::{Detail, Entry, MemoryError};
use crate::store::Key;
use crate::value::{BlobHash, BlobRef, Value};

/// The version of the format that is written.
const FORMAT: u8 = 1;

/// An entry whose content is left out if it is kept as a blob.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) entry: Entry,
    pub(super) large: Option<Large>,
}

/// A content that is kept as a blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Large {
    pub(super) blob: BlobRef,
    /// The blobs that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) names: Vec<BlobHash>,
}

impl Large {
    pub(super) fn new(blob: BlobRef, content: &Value) -> Self {
        let mut names = Vec::new();
        see(content, &mut names);
        Self { blob, names }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    entry: &'a Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    large: Option<&'a Large>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    v: u8,
    entry: Entry,
    #[serde(default)]
    large: Option<Large>,
}

impl Record {
    pub(super) fn bytes(&self) -> Result<Bytes, MemoryError> {
        let written = Written { v: FORMAT, entry: &self.entry, large: self.large.as_ref() };
        let json = serde_json::to_vec(&written);
        Ok(json.map_err(|error| MemoryError::invalid("the entry", error.to_string()))?.into())
    }

    pub(super) fn read(key: &Key, bytes: &[u8]) -> Result<Self, MemoryError> {
        let read: Read = serde_json::from_slice(bytes)
            .map_err(|error| MemoryError::corrupt(format!("the entry of memory at `{key}`: {error}")))?;
        if read.v != FORMAT {
            let what = format!("the entry of memory at `{key}` has the format {}, not {FORMAT}", read.v);
            return Err(MemoryError::corrupt(what));
        }
        Ok(Self { entry: read.entry, large: read.large })
    }

    /// Counts the bytes that the record takes in the store, whatever became of it: what it superseded, and when it ended, do
    /// not count.
    pub(super) fn weigh(&mut self) -> Result<(), MemoryError> {
        self.entry.account.bytes = 0;
        let entry = &mut self.entry;
        let ends = (entry.until.take(), entry.supersedes.take(), entry.superseded_by.take());
        let bytes = self.bytes()?.len() as u64;
        (self.entry.until, self.entry.supersedes, self.entry.superseded_by) = ends;
        self.entry.account.bytes = bytes + self.large.as_ref().map_or(0, |large| large.blob.size);
        Ok(())
    }

    /// The lists in which the entry stands.
    pub(super) const fn family(&self) -> Family {
        if self.entry.until.is_some() { Family::Past } else { Family::Current }
    }

    pub(super) fn position(&self) -> Position {
        Position::new(self.entry.time(), self.entry.id)
    }

    /// Every key that follows from the record as it is, with its value: the record itself is not among them.
    pub(super) fn keys(&self, places: &Places) -> BTreeMap<Key, Bytes> {
        let entry = &self.entry;
        let (scope, kind, position) = (&entry.scope, entry.kind(), self.position().text());
        let mut keys = BTreeMap::new();
        let lists = Term::of(entry).into_iter().map(|term| places.list(self.family(), scope, kind, &term));
        let lists: Vec<Key> = lists.collect();
        let marks = marks_of(&lists);
        keys.extend(lists.into_iter().map(|list| (list.leaf(&position), marks.clone())));
        match entry.until {
            None => {
                let id = Bytes::copy_from_slice(&entry.id.bytes());
                keys.insert(places.current(scope, kind, &entry.key), id);
                if let Detail::Working(working) = &entry.detail {
                    keys.insert(places.used(scope, working.used, entry.id), Bytes::new());
                }
            }
            Some(until) => {
                let learned = Position::new(entry.learned, entry.id).text();
                let until = Bytes::copy_from_slice(&biased(until).to_be_bytes());
                keys.insert(places.versions(scope, kind, &entry.key).leaf(&learned), until);
            }
        }
        if let Some(expires) = entry.detail.expires() {
            keys.insert(places.expiry(expires, entry.id), Bytes::new());
        }
        for hash in self.blobs() {
            keys.insert(places.blob(&hash, entry.id), Bytes::new());
        }
        keys
    }

    /// The properties by which it is listed.
    pub(super) fn terms(&self) -> Vec<Term> {
        Term::of(&self.entry)
    }

    /// The values of its properties that are listed, with their keys.
    pub(super) fn facets(&self, places: &Places) -> Vec<(Key, Term)> {
        let entry = &self.entry;
        let terms = Term::of(entry).into_iter().filter(Term::has_facet);
        terms.map(|term| (places.facet(&entry.scope, entry.kind(), &term), term)).collect()
    }

    /// The blobs that it names.
    fn blobs(&self) -> Vec<BlobHash> {
        let mut found = Vec::new();
        if let Some(large) = &self.large {
            found.push(large.blob.hash);
            found.extend(&large.names);
        }
        let entry = &self.entry;
        see(&entry.content, &mut found);
        entry.metadata.values().for_each(|value| see(value, &mut found));
        match &entry.detail {
            Detail::Procedural(procedure) => {
                procedure.steps.iter().for_each(|value| see(value, &mut found));
                procedure.applicable_when.values().for_each(|value| see(value, &mut found));
                procedure.outcomes.iter().for_each(|outcome| see(&outcome.note, &mut found));
            }
            Detail::Working(_) | Detail::Episodic(_) | Detail::Semantic(_) => {}
        }
        found
    }
}

/// Finds the blobs that a value names.
fn see(value: &Value, found: &mut Vec<BlobHash>) {
    match value {
        Value::Blob(blob) => found.push(blob.hash),
        Value::List(items) => items.iter().for_each(|item| see(item, found)),
        Value::Map(entries) => entries.values().for_each(|item| see(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
