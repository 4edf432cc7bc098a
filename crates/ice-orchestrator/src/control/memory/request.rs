//! What can be asked about memory.

use ice_core::id::RunId;
use ice_core::llm::Usd;
use ice_core::memory::{AsOf, Detail, Filter, Kind, MemoryKey, Passage, Scope, SourceDocument};
use ice_core::time::Moment;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::ImportPiece;

/// What can be asked about the memory of whoever asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "memory", rename_all = "snake_case", deny_unknown_fields)]
pub enum MemoryRequest {
    /// Remember something. Answered with [`MemoryResponse::Entry`](super::MemoryResponse::Entry) once it is kept.
    Put(Box<MemoryPut>),
    /// Search by what entries say. Answered with [`MemoryResponse::Found`](super::MemoryResponse::Found).
    Search {
        /// In words.
        query: String,
        /// Where.
        #[serde(default)]
        within: Box<MemoryWhere>,
        /// The most entries; 10 if absent, at most 1,000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// List entries, the newest first. Answered with [`MemoryResponse::Entries`](super::MemoryResponse::Entries).
    List(MemoryList),
    /// Show an entry, or what a key stands for in each scope and kind. Answered with
    /// [`MemoryResponse::Entries`](super::MemoryResponse::Entries).
    Show(MemoryShow),
    /// Forget. Answered with [`MemoryResponse::Forgotten`](super::MemoryResponse::Forgotten).
    Forget(MemoryForget),
    /// How much is remembered. Answered with [`MemoryResponse::Usage`](super::MemoryResponse::Usage).
    Stats,
    /// Write memory out as lines of JSON. Answered with [`Response::Piece`](crate::control::Response::Piece)s in their order,
    /// and [`Response::End`](crate::control::Response::End) after the last one.
    Export {
        /// Only this scope.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        /// Only this kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
        /// Whether what is superseded or forgotten goes along.
        #[serde(default)]
        past: bool,
    },
    /// A piece of such lines that are taken in. Answered with [`Response::Received`](crate::control::Response::Received), or
    /// with [`MemoryResponse::Imported`](super::MemoryResponse::Imported) after the last one.
    Import(ImportPiece),
    /// Take in a part of a document. Answered with [`MemoryResponse::Ingested`](super::MemoryResponse::Ingested).
    Ingest(Box<MemoryIngest>),
    /// Tell which documents were taken in. Answered with [`MemoryResponse::Documents`](super::MemoryResponse::Documents).
    Documents(MemoryDocuments),
    /// Make memory smaller. Answered with [`MemoryResponse::Consolidated`](super::MemoryResponse::Consolidated).
    Consolidate(Box<MemoryConsolidate>),
}

/// A part of a document that is taken in. Parts may come again, and from several callers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryIngest {
    /// The document; the same with each part.
    pub document: SourceDocument,
    /// Some of its passages, at most 1,000.
    pub passages: Vec<Passage>,
    /// Whether all of its passages have come: what it has no more is forgotten then.
    pub last: bool,
}

/// Which documents are told of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryDocuments {
    /// In this scope; `default` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Those of these names, at most 1,000; all if there are none, page by page, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Of those of the names, only what was taken in as a whole with this hash, as it was given then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Only those after this place, for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What is done to make memory smaller; nothing is if nothing is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConsolidate {
    /// In these scopes; in all if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Whether facts that say the same become one.
    pub duplicates: bool,
    /// Whether and how old episodes are summarised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summaries: Option<MemorySummaries>,
    /// What goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retention: Vec<MemoryRetention>,
    /// Whether it is only told what would be done.
    pub dry_run: bool,
}

/// How old episodes are summarised. What is absent is as [`Summaries`](ice_core::memory::Summaries) has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemorySummaries {
    /// Episodes that are at least so many milliseconds old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than_ms: Option<u64>,
    /// Only so many or more of a day become a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<usize>,
    /// The most tokens of a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// The most summaries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u64>,
    /// What they may cost together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<Usd>,
    /// The model that is asked; sentences are taken as they are, at no cost, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<MemoryModel>,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryModel {
    /// Its provider.
    pub provider: String,
    /// Its name.
    pub model: String,
}

/// What goes: entries of a kind for which all that is named here holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryRetention {
    /// Of this kind.
    pub kind: Kind,
    /// At least so many milliseconds old.
    pub older_than_ms: u64,
    /// Of which less importance is left, as it fades with time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Whether nothing of them is to be left; else they are forgotten.
    #[serde(default)]
    pub erase: bool,
}

/// What is to be remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryPut {
    /// What is remembered: a text, or any other value.
    pub content: Value,
    /// The kind; what `detail` or the prefix of the key says if absent, a fact otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The scope; `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// What it is called: what has the same scope, kind and key is superseded. The id of the entry if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<MemoryKey>,
    /// Words by which it is found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The persons it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// What else is to be kept with it, by name. Without `detail`, some names are those of the kind: see
    /// [`write_of`](ice_core::memory::write_of).
    #[serde(default = "Value::empty_map")]
    pub metadata: Value,
    /// How much it matters, from 0 to 10; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<f64>,
    /// How many milliseconds it lasts; what its kind says if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// What is known of it by its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
    /// The same key writes nothing a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// Which entries are looked at. What is left out is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryWhere {
    /// In these scopes; in all if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Of these kinds; of all if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// With all of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// About all of these persons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// Written by this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub run: Option<RunId>,
    /// With this text in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// As it was known at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
    /// Only facts that were true at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub true_at: Option<Moment>,
}

impl MemoryWhere {
    /// As a filter.
    pub(super) fn filter(&self) -> Filter {
        Filter {
            tags: self.tags.clone(),
            subjects: self.about.clone(),
            run: self.run,
            contains: self.contains.clone(),
            ..Filter::default()
        }
    }

    /// As of when.
    pub(super) const fn as_of(&self) -> AsOf {
        AsOf { known: self.as_of, true_at: self.true_at }
    }

    /// The kinds.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        if self.kinds.is_empty() { Kind::ALL.to_vec() } else { self.kinds.clone() }
    }
}

/// Which entries a list shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryList {
    /// Where.
    pub within: Box<MemoryWhere>,
    /// The most entries; 100 if absent, at most 1,000. An answer may have fewer if they are large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only those after this place, for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Which entry is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryShow {
    /// Its id, or its key.
    pub name: String,
    /// The scope of the key; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The kind of the key; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// As it was known at this moment; not together with `history`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
    /// Whether what the key stood for before comes along, the newest first, at most 100 of each.
    #[serde(default)]
    pub history: bool,
}

/// What is forgotten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryForget {
    /// What.
    pub what: MemorySelection,
    /// Whether it is removed for good, with what it was before. Otherwise it stays readable as of before.
    #[serde(default)]
    pub erase: bool,
    /// Whether it is only told how much it would be.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is selected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MemorySelection {
    /// One entry.
    Entry {
        /// Its id, or its key.
        name: String,
        /// The scope of the key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        /// The kind of the key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
    },
    /// All that is about a person, in every scope; it is always erased.
    Person {
        /// The person.
        name: String,
    },
    /// All that a run remembered: it is taken back as if it had never been, and what it superseded is current again.
    Run {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
    },
    /// A document that was taken in, with its passages. It is never erased by this alone.
    Document {
        /// Its name.
        name: String,
        /// Its scope; `default` if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
    },
    /// All of a scope.
    Scope {
        /// The scope.
        scope: Scope,
        /// Only of this kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
    },
}
