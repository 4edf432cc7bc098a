//! An entry as it is remembered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Account, Detail, EntryId, Kind, MemoryKey, Provenance, Scope};
use crate::time::Moment;
use crate::value::{Map, Value};

/// What is remembered: one version of what a key stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The scope it belongs to.
    pub scope: Scope,
    /// What it is called.
    pub key: MemoryKey,
    /// What is remembered.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(with = "serde_json::Value")]
    pub content: Value,
    /// What else is to be kept with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub metadata: Map,
    /// Words by which it is found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The persons it is about, participants included: by them it is erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// What is known of it by its kind.
    pub detail: Detail,
    /// Where it comes from.
    pub source: Provenance,
    /// When it was learned.
    pub learned: Moment,
    /// When it was superseded or forgotten; absent while it is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// What it superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<EntryId>,
    /// What superseded it; absent if it is current or was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<EntryId>,
    /// How much it matters, from 0 to 10.
    pub importance: f64,
    /// How often it was read; counted in working memory only.
    #[serde(default)]
    pub access_count: u64,
    /// What it takes.
    pub account: Account,
}

impl Entry {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.detail.kind()
    }

    /// The time by which entries are ordered: when an episode happened, when anything else was learned.
    #[must_use]
    pub fn time(&self) -> Moment {
        match &self.detail {
            Detail::Episodic(episode) => episode.at.unwrap_or(self.learned),
            Detail::Working(_) | Detail::Semantic(_) | Detail::Procedural(_) => self.learned,
        }
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn is_expired(&self, now: Moment) -> bool {
        self.detail.expires().is_some_and(|expires| expires <= now)
    }

    /// Whether it is neither superseded, forgotten nor expired.
    #[must_use]
    pub fn is_current(&self, now: Moment) -> bool {
        self.until.is_none() && !self.is_expired(now)
    }

    /// What it says as text: the content itself if it is text, else its JSON.
    #[must_use]
    pub fn text(&self) -> String {
        match self.content.as_str() {
            Some(text) => text.to_owned(),
            None => self.content.to_string(),
        }
    }
}
