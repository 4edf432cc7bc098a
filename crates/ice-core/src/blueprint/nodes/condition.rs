//! `condition`: chooses one of two paths.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::Node;
use crate::blueprint::read::{Fields, ScopeField};
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Form, Visit, visit_text};
use crate::diagnostic::Trail;

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

impl ConditionNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("expression");
        let expression = fields.expression("expression").unwrap_or_default();
        fields.nodes(ScopeField { name: "true_path", scope: "true", legacy: "true_branch", required: false });
        fields.nodes(ScopeField {
            name: "false_path",
            scope: "false",
            legacy: "false_branch",
            required: false,
        });
        Self { expression, true_path: Vec::new(), false_path: Vec::new() }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("expression", &self.expression);
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_text("expression", &self.expression, Form::Expression, at, visit);
    }
}
