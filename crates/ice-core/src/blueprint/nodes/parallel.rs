//! `parallel`: runs branches side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::Node;
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;

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

impl ParallelNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.branches("branches");
        Self {
            branches: Vec::new(),
            max_concurrency: fields.whole("max_concurrency"),
            merge_outputs: fields.flag("merge_outputs", true),
            wait_strategy: fields.choice("wait_strategy"),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        if self.branches.is_empty() {
            rules.broken("branches", "a parallel node needs at least one branch", None);
        }
        for (index, branch) in self.branches.iter().enumerate() {
            if branch.is_empty() {
                rules.below("branches", |rules| {
                    rules.item(index, |rules| rules.broken_here("a branch needs at least one node", None));
                });
            }
        }
        rules.positive("max_concurrency", self.max_concurrency.map(u64::from));
    }
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
