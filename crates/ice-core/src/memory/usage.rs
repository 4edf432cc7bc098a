//! How much is remembered, and how much may be.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, Kind, Scope};
use crate::llm::Usd;

/// How much is remembered of a kind in a scope. What is overwritten or deleted no longer counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Entries that are current.
    pub entries: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Those of their tokens that are estimated.
    pub estimated_tokens: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What they cost.
    pub cost: Usd,
    /// Entries that are superseded or forgotten and stay readable by "as of".
    pub past_entries: u64,
    /// Their bytes.
    pub past_bytes: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.entries += more.entries;
        self.tokens += more.tokens;
        self.estimated_tokens += more.estimated_tokens;
        self.bytes += more.bytes;
        self.cost += more.cost;
        self.past_entries += more.past_entries;
        self.past_bytes += more.past_bytes;
    }
}

/// The usage of each kind of each scope.
pub type UsageByScope = BTreeMap<(Scope, Kind), Usage>;

/// What a scope may hold at most, all kinds together. What is left out is unlimited, 0 means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryBudget {
    /// Entries that are current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// Their tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Bytes, of what is current and what is past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What the current entries cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
}

/// A change of usage, or its sum over some changes: less than nothing in a counter of one writer among others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delta {
    pub(super) entries: i64,
    pub(super) tokens: i64,
    pub(super) estimated: i64,
    pub(super) bytes: i64,
    /// In the least amounts of [`Usd`].
    pub(super) cost: i128,
    pub(super) past_entries: i64,
    pub(super) past_bytes: i64,
}

impl Delta {
    /// What an entry counts as it is.
    pub(super) fn of(entry: &Entry) -> Self {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let account = &entry.account;
        if entry.until.is_some() {
            return Self { past_entries: 1, past_bytes: whole(account.bytes), ..Self::default() };
        }
        Self {
            entries: 1,
            tokens: whole(account.tokens),
            estimated: if account.estimated { whole(account.tokens) } else { 0 },
            bytes: whole(account.bytes),
            cost: i128::from(account.cost.as_least()),
            ..Self::default()
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// As what it says of a whole memory; nothing is less than nothing.
    pub(super) fn usage(&self) -> Usage {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Usage {
            entries: count(self.entries),
            tokens: count(self.tokens),
            estimated_tokens: count(self.estimated),
            bytes: count(self.bytes),
            cost: Usd::from_least(u64::try_from(self.cost.max(0)).unwrap_or(u64::MAX)),
            past_entries: count(self.past_entries),
            past_bytes: count(self.past_bytes),
        }
    }
}

impl AddAssign for Delta {
    fn add_assign(&mut self, more: Self) {
        self.entries += more.entries;
        self.tokens += more.tokens;
        self.estimated += more.estimated;
        self.bytes += more.bytes;
        self.cost += more.cost;
        self.past_entries += more.past_entries;
        self.past_bytes += more.past_bytes;
    }
}

impl SubAssign for Delta {
    fn sub_assign(&mut self, less: Self) {
        self.entries -= less.entries;
        self.tokens -= less.tokens;
        self.estimated -= less.estimated;
        self.bytes -= less.bytes;
        self.cost -= less.cost;
        self.past_entries -= less.past_entries;
        self.past_bytes -= less.past_bytes;
    }
}
