//! `recursive`: repeats until it converges.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Form, Visit, visit_text};
use crate::diagnostic::Trail;
use crate::id::NodeId;

/// Repeats an agent or a blueprint until a condition holds: the one legal cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecursiveNode {
    /// The nodes that are run again with each repetition but the first, with all that lies between them and this node; at least
    /// one. They may read this node's output, null before the first repetition.
    pub recursive_sources: Vec<NodeId>,
    /// The expression that ends the repetition. It sees, in this order, the context, this node's output so far, the fields of
    /// the result, the nodes that were run again, and what the node itself sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convergence_condition: Option<String>,
    /// The most repetitions; at least 1. Reaching them is no failure.
    #[serde(default = "default_iterations")]
    #[schemars(range(min = 1))]
    pub max_iterations: u32,
    /// The agent that is repeated; exactly one of this and `workflow_ref`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_package: Option<String>,
    /// The blueprint that is repeated; exactly one of this and `agent_package`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_ref: Option<String>,
    /// Whether each repetition sees the one before; else each begins with what the first one had.
    #[serde(default = "yes")]
    pub preserve_context: bool,
    /// The name under which it sees it: `{iteration, node_id, result, outputs}`. A repeated blueprint has
    /// it among its inputs, unless its `input_schema` allows no such input.
    #[serde(default = "default_key")]
    pub context_key: String,
}

impl RecursiveNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            recursive_sources: fields.node_ids("recursive_sources"),
            convergence_condition: fields.open_expression("convergence_condition"),
            max_iterations: fields.whole("max_iterations").unwrap_or_else(default_iterations),
            agent_package: fields.text("agent_package"),
            workflow_ref: fields.text("workflow_ref"),
            preserve_context: fields.flag("preserve_context", true),
            context_key: fields.text("context_key").unwrap_or_else(default_key),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        match (&self.agent_package, &self.workflow_ref) {
            (None, None) => rules.broken(
                "agent_package",
                "a recursive node repeats an agent or a blueprint, and neither is named",
                "set `agent_package` or `workflow_ref`".to_owned(),
            ),
            (Some(_), Some(_)) => rules.broken(
                "workflow_ref",
                "a recursive node repeats an agent or a blueprint, not both",
                "remove `agent_package` or `workflow_ref`".to_owned(),
            ),
            (Some(package), None) => rules.not_blank("agent_package", package),
            (None, Some(blueprint)) => rules.not_blank("workflow_ref", blueprint),
        }
        if self.recursive_sources.is_empty() {
            rules.broken(
                "recursive_sources",
                "a recursive node needs at least one source",
                "name the nodes that lead back to it in `recursive_sources`".to_owned(),
            );
        }
        rules.positive("max_iterations", Some(self.max_iterations.into()));
        rules.identifier("context_key", &self.context_key);
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        if let Some(condition) = &self.convergence_condition {
            visit_text("convergence_condition", condition, Form::OpenExpression, at, visit);
        }
    }
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
