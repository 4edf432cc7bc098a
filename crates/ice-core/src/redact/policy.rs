//! What becomes of each kind, as data.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Kind;

/// What becomes of something that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `[redacted: email]` stands in its place.
    Mask,
    /// `[email:0123456789abcdef]` stands in its place: a hash under a key, so that what is equal stays equal.
    Hash,
    /// Nothing stands in its place.
    Drop,
    /// It stays.
    Allow,
    /// A token stands in its place, `[email:v1:…]`, from which whoever holds the key gets it back. What is equal stays equal.
    Vault,
}

/// What a policy begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Everything stays.
    None,
    /// Secrets of systems are masked: known ones, private keys, tokens and keys of services, and credentials in URLs.
    #[default]
    Secrets,
    /// Everything that can be found is masked.
    Strict,
}

/// A pattern of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// What it is called in the place of what it matches: letters, digits and `_`, at most 32, beginning with a letter.
    pub name: String,
    /// A regular expression, as the crate `regex` reads it. It must match at least one byte and at most 1,024, so that
    /// `[0-9]{1,20}` is taken and `[0-9]+` is not.
    pub pattern: String,
    /// What becomes of what it matches.
    #[serde(default = "mask")]
    pub action: Action,
}

const fn mask() -> Action {
    Action::Mask
}

/// What becomes of what is found: a preset, what differs from it for some kinds, and patterns of one's own.
///
/// ```
/// use ice_core::redact::{Action, Kind, Policy};
///
/// let policy: Policy = serde_json::from_str(r#"{"base": "strict", "kinds": {"ip": "allow"}}"#).unwrap();
/// assert_eq!((policy.action(Kind::Ip), policy.action(Kind::Email)), (Action::Allow, Action::Mask));
/// assert!(serde_json::from_str::<Policy>(r#"{"kinds": {"emial": "mask"}}"#).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What it begins with.
    pub base: Preset,
    /// What becomes of these kinds, whatever the preset says.
    pub kinds: BTreeMap<Kind, Action>,
    /// Patterns of one's own, at most 64.
    pub custom: Vec<Custom>,
}

impl Policy {
    /// The policy that is this preset.
    #[must_use]
    pub fn preset(base: Preset) -> Self {
        Self { base, ..Self::default() }
    }

    /// The same, with another action for a kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, action: Action) -> Self {
        self.kinds.insert(kind, action);
        self
    }

    /// What becomes of a kind.
    #[must_use]
    pub fn action(&self, kind: Kind) -> Action {
        let preset = || match self.base {
            Preset::None => Action::Allow,
            Preset::Secrets if kind.is_secret() => Action::Mask,
            Preset::Secrets => Action::Allow,
            Preset::Strict => Action::Mask,
        };
        self.kinds.get(&kind).copied().unwrap_or_else(preset)
    }

    /// The actions in use.
    pub(super) fn uses(&self, action: Action) -> bool {
        Kind::ALL.into_iter().any(|kind| kind != Kind::Custom && self.action(kind) == action)
            || self.custom.iter().any(|custom| custom.action == action)
    }
}
