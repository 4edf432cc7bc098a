//! `recursive`: repeats until it converges.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::NodeId;

/// Repeats an agent or a blueprint until a condition holds: the one legal cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecursiveNode {
    /// The nodes that are run again with each repetition; at least one.
    pub recursive_sources: Vec<NodeId>,
    /// The expression that ends the repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convergence_condition: Option<String>,
    /// The most repetitions; at least 1.
    #[serde(default = "default_iterations")]
    #[schemars(range(min = 1))]
    pub max_iterations: u32,
    /// The agent that is repeated; exactly one of this and `workflow_ref`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_package: Option<String>,
    /// The blueprint that is repeated; exactly one of this and `agent_package`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_ref: Option<String>,
    /// Whether each repetition sees the one before.
    #[serde(default = "yes")]
    pub preserve_context: bool,
    /// The name under which it sees it.
    #[serde(default = "default_key")]
    pub context_key: String,
}

fn default_iterations() -> u32 {
    50
}

fn yes() -> bool {
    true
}

fn default_key() -> String {
    "recursive_context".to_owned()
}
