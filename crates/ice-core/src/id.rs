//! Identifiers as newtypes: who and what a thing belongs to.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::IdSource;

/// A text that does not follow the grammar of an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {rule}")]
pub struct InvalidId {
    /// What was being read, for example `node id`.
    pub what: &'static str,
    /// The offending text, cut at 80 characters.
    pub text: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl InvalidId {
    pub(crate) fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        Self { what, text: text.chars().take(80).collect(), rule }
    }
}

/// The id of a run: a UUID, version 7, so that ids sort by start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
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
}

impl From<Uuid> for RunId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a run id is a UUID such as 0192f0c1-2f6e-7c3a-9a51-0c8f5d3f2a10";
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId::new("run id", text, rule))
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[schemars(with = "String")] Arc<str>);

        impl $name {
            #[doc = concat!("Checks and takes a text. The rule: ", $rule, ".")]
            ///
            /// # Errors
            /// [`InvalidId`] if the text breaks the rule.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if Self::is_valid(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(InvalidId::new($what, text, $rule))
                }
            }

            /// Whether a text follows the rule.
            #[must_use]
            pub fn is_valid(text: &str) -> bool {
                let valid: fn(&str) -> bool = $valid;
                valid(text)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The shared text.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_id;

fn is_word(text: &str, first: fn(char) -> bool, rest: fn(char) -> bool, max: usize) -> bool {
    let mut chars = text.chars();
    text.len() <= max && chars.next().is_some_and(first) && chars.all(rest)
}

text_id!(
    /// The id of a node within its scope.
    NodeId, "node id", "a letter or `_`, then at most 63 letters, digits, `_` or `-`",
    |text| is_word(text, |c| c.is_ascii_alphabetic() || c == '_', |c| c.is_ascii_alphanumeric() || c == '_' || c == '-', 64)
);

impl NodeId {
    /// What stands for the id of the node at an index of its list, should it be missing or break the rule, so that what
    /// else is wrong with its node can be told: `nodes[3]`. It equals no id that follows the rule, is a segment of a path
    /// that no node with an id has, as `nodes` is reserved, and never leaves the check.
    pub(crate) fn unnamed(index: usize) -> Self {
        Self(Arc::from(format!("nodes[{index}]")))
    }

    /// Whether this only stands for an id.
    pub(crate) fn is_unnamed(&self) -> bool {
        !Self::is_valid(self.as_str())
    }
}

text_id!(
    /// The id of a blueprint, for example `bp_1f2e3d4c`.
    BlueprintId, "blueprint id", "1 to 128 letters, digits, `_`, `-` or `.`, beginning with a letter, digit or `_`",
    |text| is_word(text, |c| c.is_ascii_alphanumeric() || c == '_', |c| c.is_ascii_alphanumeric() || "_-.".contains(c), 128)
);

impl BlueprintId {
    /// Takes text that is known to follow the rule.
    pub(crate) fn from_valid(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

text_id!(
    /// The owner that every run, blueprint, secret and event belongs to; first in the key layout.
    Tenant, "tenant", "1 to 64 lower-case letters, digits, `_` or `-`, beginning with a letter or digit",
    |text| is_word(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c), 64)
);

impl Default for Tenant {
    /// The tenant `local`.
    fn default() -> Self {
        Self(Arc::from("local"))
    }
}

text_id!(
    /// Who did something: `<kind>:<name>`, for example `user:alice` or `cli:1000`.
    Principal, "principal", "`<kind>:<name>`, 3 to 128 printable ASCII characters without spaces",
    |text| text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty())
);

impl Principal {
    /// The engine itself, for what nobody asked for.
    #[must_use]
    pub fn engine() -> Self {
        Self(Arc::from("engine:ice"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_follow_their_grammar() {
        for good in ["a", "_x", "my-node", "N0_1", &"a".repeat(64)] {
            assert_eq!(NodeId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "1a", "-a", "a b", "ä", "a.b", &"a".repeat(65)] {
            assert!(NodeId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_checked_when_read() {
        assert!(serde_json::from_str::<Tenant>("\"Upper\"").is_err());
        assert_eq!(serde_json::from_str::<Principal>("\"user:eve\"").unwrap().as_str(), "user:eve");
        assert!("not-a-uuid".parse::<RunId>().is_err());
    }
}
