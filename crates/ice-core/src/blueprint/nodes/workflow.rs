//! `workflow`: runs another blueprint.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Visit, visit_value};
use crate::diagnostic::Trail;
use crate::value::{Value, ValuePath};

/// Runs another blueprint. Its output is the sub-run's output, or what `exposed_outputs` picks from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowNode {
    /// The blueprint: a registered name, or a path relative to the file that names it.
    pub workflow_ref: String,
    /// What is shown of the sub-run's output: public name to dotted path; all of it if empty.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub exposed_outputs: IndexMap<String, ValuePath>,
    /// Further inputs of the sub-run, over the node's own input; strings are templates.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config_overrides: Value,
}

impl WorkflowNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            workflow_ref: fields.required_text("workflow_ref"),
            exposed_outputs: fields.paths("exposed_outputs"),
            config_overrides: fields.templates("config_overrides"),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("workflow_ref", &self.workflow_ref);
        if !self.config_overrides.is_null() && self.config_overrides.as_map().is_none() {
            rules.broken("config_overrides", "`config_overrides` must be an object", None);
        }
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_value("config_overrides", &self.config_overrides, at, visit);
    }
}
