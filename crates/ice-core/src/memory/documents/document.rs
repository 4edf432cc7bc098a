//! A document that is to be remembered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::passage::passage_key;
use crate::memory::{
    Detail, Fact, Filter, Kind, MAX_WORD_BYTES, MemoryError, MemoryKey, Provenance, Scope, Selector, Write,
};
use crate::value::{Map, Value};

/// The type of the facts that are documents.
pub(super) const DOCUMENT: &str = "document";
/// The type of the facts that are passages.
pub(super) const PASSAGE: &str = "passage";
/// The field all of them belong to.
const DOMAIN: &str = "documents";
/// The field of the metadata that names the document, in it and in each of its passages.
pub(super) const NAMED: &str = "document";
/// The longest name, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 4_096;
/// The longest name that stands in keys and lists as it is, in bytes as JSON.
const MAX_LABEL_BYTES: usize = 200;
/// The longest hash, in bytes.
const MAX_HASH_BYTES: usize = 128;
/// The most passages of one document.
const MAX_PASSAGES: u64 = 10_000_000;

/// A document that is to be remembered in passages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceDocument {
    /// What it is called in its scope, for example its path; 1 to 4,096 bytes without control characters.
    pub name: String,
    /// The scope it belongs to.
    #[serde(default)]
    #[schemars(with = "String")]
    pub scope: Scope,
    /// Of what was read, and of how it was cut: a document with the same hash has the same passages.
    pub hash: String,
    /// How many passages it has, at most 10,000,000.
    pub passages: u64,
    /// How many bytes were read.
    #[serde(default)]
    pub bytes: u64,
    /// What sort of document it is, for example `markdown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Words by which its passages are found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The persons it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
}

impl SourceDocument {
    /// A document in the scope `default` of which no more is known.
    #[must_use]
    pub fn new(name: impl Into<String>, hash: impl Into<String>, passages: u64) -> Self {
        Self {
            name: name.into(),
            scope: Scope::default(),
            hash: hash.into(),
            passages,
            bytes: 0,
            format: None,
            tags: Vec::new(),
            about: Vec::new(),
        }
    }

    /// Checks the bounds that no write checks.
    pub(super) fn check(&self) -> Result<(), MemoryError> {
        check_name(&self.name)?;
        if self.hash.is_empty() || self.hash.len() > MAX_HASH_BYTES {
            let problem = format!("it has {} bytes, and must have 1 to {MAX_HASH_BYTES}", self.hash.len());
            return Err(MemoryError::invalid("the hash of a document", problem));
        }
        if self.passages > MAX_PASSAGES {
            let problem = format!("there are {} of them, and {MAX_PASSAGES} is the most", self.passages);
            return Err(MemoryError::invalid("the passages of a document", problem));
        }
        if self.format.as_ref().is_some_and(|format| format.len() > MAX_WORD_BYTES) {
            let problem = format!("it has more than {MAX_WORD_BYTES} bytes");
            return Err(MemoryError::invalid("the format of a document", problem));
        }
        Ok(())
    }

    /// The entry that says what of the document is there, before its passages are, with the hash as it is kept.
    pub(super) fn record(&self, hash: &str) -> Result<Write, MemoryError> {
        let whole = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let mut about = vec![
            ("hash", Value::from(hash)),
            ("passages", whole(self.passages)),
            ("bytes", whole(self.bytes)),
            ("complete", Value::from(false)),
        ];
        about.extend(self.format.as_deref().map(|format| ("format", Value::from(format))));
        let source = [(NAMED, Value::from(label(&self.name))), ("source", Value::map(about))];
        Ok(self.write(Value::from(self.name.as_str()), DOCUMENT, source).key(document_key(&self.name)?))
    }

    /// An entry of this document.
    pub(super) fn write(
        &self,
        content: Value,
        fact_type: &str,
        metadata: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Write {
        let fact = Fact { fact_type: fact_type.to_owned(), domain: DOMAIN.to_owned(), ..Fact::default() };
        let source = Provenance { source: label(&self.name), ..Provenance::default() };
        Write {
            metadata: metadata.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            subjects: self.about.clone(),
            ..Write::new(content, Detail::Semantic(fact))
        }
        .scope(self.scope.clone())
        .tags(self.tags.iter().cloned())
        .source(source)
    }

    /// The key of a passage.
    pub(super) fn passage_key(&self, number: u64) -> Result<MemoryKey, MemoryError> {
        passage_key(&label(&self.name), number)
    }
}

/// Refuses what cannot be the name of a document.
pub(super) fn check_name(name: &str) -> Result<(), MemoryError> {
    let invalid = |problem: &str| Err(MemoryError::invalid("the name of a document", problem));
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return invalid("it must have 1 to 4096 bytes");
    }
    if name.chars().any(char::is_control) {
        return invalid("there are control characters in it");
    }
    Ok(())
}

/// What a document is called where there is little room: its name, or the digest and the end of a long one.
pub(super) fn label(name: &str) -> String {
    let written = |text: &str| Value::from(text).to_string().len();
    if written(name) <= MAX_LABEL_BYTES {
        return name.to_owned();
    }
    let digest = blake3::hash(name.as_bytes()).to_hex();
    let end = name.get(name.ceil_char_boundary(name.len().saturating_sub(64))..).unwrap_or_default();
    format!("{}…{end}", digest.get(..32).unwrap_or_default())
}

/// The key of a document.
pub(super) fn document_key(name: &str) -> Result<MemoryKey, MemoryError> {
    check_name(name)?;
    MemoryKey::new(&format!("{DOCUMENT}:{}", label(name)))
        .map_err(|error| MemoryError::invalid("the name of a document", error.to_string()))
}

/// What its passages are like.
pub(super) fn passages_of(name: &str) -> Filter {
    let metadata: Map = [(NAMED.into(), Value::from(label(name)))].into_iter().collect();
    Filter { types: vec![PASSAGE.to_owned()], metadata, ..Filter::default() }
}

/// All its passages.
pub(super) fn all_passages(scope: &Scope, name: &str) -> Selector {
    Selector::Like { scope: scope.clone(), kind: Kind::Semantic, filter: Box::new(passages_of(name)) }
}
