//! The four kinds of memory.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// A kind of memory: how its entries age, and what is known of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What is at hand: small, short-lived, the least recently used goes first.
    Working,
    /// What happened, in the order of time.
    Episodic,
    /// What is known: facts, the things they are about and how these are related.
    Semantic,
    /// How things are done, and how well that went.
    Procedural,
}

impl Kind {
    /// All kinds, in their order.
    pub const ALL: [Self; 4] = [Self::Working, Self::Episodic, Self::Semantic, Self::Procedural];

    /// The name: `working`, `episodic`, `semantic` or `procedural`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Episodic => "episodic",
            Self::Semantic => "semantic",
            Self::Procedural => "procedural",
        }
    }

    /// What a key begins with that leads to this kind: `work:`, `episode:`, `fact:` or `procedure:`.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Working => "work:",
            Self::Episodic => "episode:",
            Self::Semantic => "fact:",
            Self::Procedural => "procedure:",
        }
    }

    /// The kind to which a key leads by its prefix; working memory without one.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|kind| key.starts_with(kind.prefix())).unwrap_or(Self::Working)
    }

    /// Whether what was superseded or forgotten stays readable by "as of".
    #[must_use]
    pub const fn keeps_history(self) -> bool {
        match self {
            Self::Working => false,
            Self::Episodic | Self::Semantic | Self::Procedural => true,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            InvalidId::new("kind of memory", text, "working, episodic, semantic or procedural")
        })
    }
}
