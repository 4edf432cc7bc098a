//! A passage of a document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{NAMED, PASSAGE, SourceDocument, label};
use crate::memory::{Entry, MemoryError, MemoryKey, Write};
use crate::value::Value;

/// The most bytes of a place, as JSON.
const MAX_PLACE_BYTES: usize = 4 << 10;

/// A piece of a document's text, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Passage {
    /// Which of the document's passages it is, from 0.
    pub number: u64,
    /// Its text.
    pub text: String,
    /// Where it begins, for example `{"page": 3, "line": 12}`: a map of at most 4 KiB.
    #[serde(default = "Value::empty_map")]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub start: Value,
    /// Where it ends; as `start`.
    #[serde(default = "Value::empty_map")]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub end: Value,
}

impl Passage {
    /// A passage of which it is not known where it stands.
    #[must_use]
    pub fn new(number: u64, text: impl Into<String>) -> Self {
        Self { number, text: text.into(), start: Value::empty_map(), end: Value::empty_map() }
    }

    /// The hash of its text.
    pub(super) fn hash(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex().to_string()
    }

    /// The entry of it, with its hash as it is kept.
    pub(super) fn write(self, document: &SourceDocument, hash: &str) -> Result<Write, MemoryError> {
        let Self { number, text, start, end } = self;
        let invalid = |what: &str, problem: &str| {
            Err(MemoryError::invalid(
                format!("{what} of passage {number} of `{}`", label(&document.name)),
                problem,
            ))
        };
        if number >= document.passages {
            return invalid("the number", "the document is said to have fewer passages");
        }
        if text.trim().is_empty() {
            return invalid("the text", "it is empty");
        }
        if start.as_map().is_none() || end.as_map().is_none() {
            return invalid("the place", "`start` and `end` must be maps");
        }
        if start.weight(MAX_PLACE_BYTES) > MAX_PLACE_BYTES || end.weight(MAX_PLACE_BYTES) > MAX_PLACE_BYTES {
            return invalid("the place", "it has more than 4096 bytes");
        }
        let place = [
            ("number", Value::from(i64::try_from(number).unwrap_or(i64::MAX))),
            ("hash", Value::from(hash)),
            ("start", start),
            ("end", end),
        ];
        let metadata = [(NAMED, Value::from(label(&document.name))), (PASSAGE, Value::map(place))];
        let key = document.passage_key(number)?;
        Ok(document.write(Value::from(text), PASSAGE, metadata).key(key))
    }
}

/// The key of a passage.
pub(super) fn passage_key(label: &str, number: u64) -> Result<MemoryKey, MemoryError> {
    MemoryKey::new(&format!("{PASSAGE}:{label}#{number}"))
        .map_err(|error| MemoryError::invalid("the name of a document", error.to_string()))
}

/// Whether an entry is what would be kept; contents are told apart by their hashes.
pub(super) fn is_same(entry: &Entry, kept: &Write) -> bool {
    let same = |one: &[String], other: &[String]| {
        one.iter().all(|word| other.contains(word)) && other.iter().all(|word| one.contains(word))
    };
    entry.metadata == kept.metadata && same(&entry.tags, &kept.tags) && same(&entry.subjects, &kept.subjects)
}

/// Which passage an entry is, if it is one; a policy may hide the number.
pub(super) fn number_of(entry: &Entry) -> Option<Option<u64>> {
    Some(entry.metadata.get(PASSAGE)?.get("number")?.as_u64())
}
