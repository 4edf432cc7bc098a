//! A run's move to another plan: what is recorded of it, and what is told.

use ice_core::id::{BlueprintId, Principal};
use ice_core::time::Moment;
use ice_core::value::BlobHash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The other plan of a run, and who moved the run to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// The hash of the [`PinnedPlan`](super::PinnedPlan) document.
    pub plan: BlobHash,
    /// The blueprint's id.
    pub blueprint: BlueprintId,
    /// The blueprint's display name.
    pub name: String,
    /// What cannot be enforced for tools of this plan that run inside the engine's process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_enforced: Vec<String>,
    /// Who.
    pub by: Principal,
}

/// A run's move to another blueprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Migration {
    /// When.
    pub at: Moment,
    /// Who moved it.
    pub by: Principal,
    /// The number of the record that says so.
    pub record: u64,
}
