//! What is answered about memory.

use ice_core::memory::{
    Consolidated, Entry, Ingested, Kind, KnownDocument, MemoryGuarantee, MemoryHit, Scope, Usage,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is answered to a [`MemoryRequest`](super::MemoryRequest).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "memory", rename_all = "snake_case")]
pub enum MemoryResponse {
    /// Something was remembered, or was before under the same idempotency key.
    Entry {
        /// The entry.
        entry: Box<Entry>,
    },
    /// What was found, the best first.
    Found {
        /// With how well each fits.
        hits: Vec<MemoryHit>,
        /// How many more there were, that are too large for one answer.
        #[serde(default)]
        left_out: u64,
    },
    /// Entries.
    Entries {
        /// In their order.
        entries: Vec<Entry>,
        /// Where the rest of a list begins, if there may be one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Something was forgotten, or would be.
    Forgotten {
        /// How many entries.
        entries: u64,
    },
    /// How much is remembered.
    Usage {
        /// By scope and kind.
        usage: Vec<ScopeUsage>,
    },
    /// Lines were taken in.
    Imported {
        /// Entries that were added.
        added: u64,
        /// Entries that were there already, or have ended by themselves.
        skipped: u64,
    },
    /// A part of a document was taken in.
    Ingested {
        /// What came of it.
        passages: Ingested,
    },
    /// Documents that were taken in.
    Documents {
        /// In the order of their names as they were asked for, without those that are not known; else the newest first.
        documents: Vec<KnownDocument>,
        /// Where the rest of the list begins, if there may be one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Memory was made smaller, or would be.
    Consolidated {
        /// What was done.
        report: Box<Consolidated>,
    },
}

/// How much is remembered of a kind in a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScopeUsage {
    /// The scope.
    pub scope: Scope,
    /// The kind.
    pub kind: Kind,
    /// What is promised of the kind.
    pub guarantee: MemoryGuarantee,
    /// How much.
    #[serde(flatten)]
    pub usage: Usage,
}
