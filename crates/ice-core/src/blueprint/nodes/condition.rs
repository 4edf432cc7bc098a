//! `condition`: chooses one of two paths.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::Node;

/// Chooses one of two paths. Its output is `{result, branch, branch_outputs}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionNode {
    /// The expression whose truth decides.
    pub expression: String,
    /// The nodes that run if it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub true_path: Vec<Node>,
    /// The nodes that run if it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub false_path: Vec<Node>,
}
