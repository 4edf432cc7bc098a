//! `parallel`: runs branches side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::Node;

/// Runs branches side by side. Its output is `{branch_results, merged}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParallelNode {
    /// The branches, each a list of nodes.
    pub branches: Vec<Vec<Node>>,
    /// The most branches that run at once; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_concurrency: Option<u32>,
    /// Whether `merged` is made: node id to output over all branches; an id in several becomes a list.
    #[serde(default = "yes")]
    pub merge_outputs: bool,
    /// When the node is done.
    #[serde(default)]
    pub wait_strategy: WaitStrategy,
}

/// When a parallel node is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitStrategy {
    /// When every branch has ended.
    #[default]
    All,
    /// When one branch has succeeded; the others are cancelled.
    Any,
    /// When one branch has ended, well or not; the others are cancelled.
    Race,
}

fn yes() -> bool {
    true
}
