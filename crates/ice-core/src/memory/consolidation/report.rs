//! What was done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::llm::Usage;

/// What was done, or would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consolidated {
    /// Entries that others say as well: they were superseded.
    pub duplicates: u64,
    /// Summaries that were written.
    pub summaries: u64,
    /// Episodes that these are of.
    pub summarised: u64,
    /// Entries that were forgotten.
    pub forgotten: u64,
    /// Entries that were erased.
    pub erased: u64,
    /// What summaries have cost.
    pub spent: Usage,
    /// What was left out, and why.
    pub problems: Vec<String>,
}
