//! What entries are called: their ids, their keys, and the scopes they belong to.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{InvalidId, text_id};
use crate::time::IdSource;

/// The id of an entry: a UUID, version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EntryId(Uuid);

impl EntryId {
    /// A fresh id.
    #[must_use]
    pub fn new(ids: &dyn IdSource) -> Self {
        Self(ids.uuid())
    }

    /// The UUID within.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// From 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EntryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "the id of an entry is a UUID such as 0192f0c1-2f6e-7c3a-9a51-0c8f5d3f2a10";
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId::new("id of an entry", text, rule))
    }
}

fn is_name(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
}

text_id!(
    /// The part of a tenant's memory that an entry belongs to: the unit of grants and budgets.
    Scope, "scope of memory", "1 to 128 bytes without control characters",
    |text| is_name(text, 128)
);

impl Default for Scope {
    /// The scope `default`.
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

text_id!(
    /// What an entry is called: unique among what is current of its tenant, scope and kind.
    MemoryKey, "key of memory", "1 to 256 bytes without control characters",
    |text| is_name(text, 256)
);

impl Scope {
    /// A name that is known to be sound.
    pub(super) fn fixed(name: &'static str) -> Self {
        Self(Arc::from(name))
    }
}

impl From<EntryId> for MemoryKey {
    /// The key of an entry for which none was given.
    fn from(id: EntryId) -> Self {
        Self(Arc::from(id.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_scopes_are_checked_when_read() {
        assert_eq!(serde_json::from_str::<Scope>("\"team a\"").unwrap().as_str(), "team a");
        for wrong in [String::new(), "a\nb".to_owned(), "x".repeat(257)] {
            assert!(MemoryKey::new(&wrong).is_err(), "{wrong}");
            assert!(serde_json::from_value::<MemoryKey>(wrong.clone().into()).is_err(), "{wrong}");
        }
        assert!(Scope::new(&"x".repeat(129)).is_err());
    }
}
