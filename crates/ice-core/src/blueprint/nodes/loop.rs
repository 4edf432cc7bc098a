//! `loop`: runs a body for every item of a list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::Node;

/// Runs a body for every item of a list. Its output is a list: per item, the output of the body's last node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoopNode {
    /// What to loop over: a name or dotted path in scope, or a template that yields a list.
    pub items_source: String,
    /// The name of the present item within the body; `loop_index` counts from 0 beside it.
    #[serde(default = "default_item")]
    pub item_var: String,
    /// The nodes that run for every item.
    pub body: Vec<Node>,
    /// The most items that are taken; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_iterations: Option<u64>,
    /// Whether items run side by side.
    #[serde(default)]
    pub parallel: bool,
    /// The most items that run side by side, with `parallel`; the run's own limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_concurrency: Option<u32>,
}

fn default_item() -> String {
    "item".to_owned()
}
