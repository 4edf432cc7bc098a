//! `workflow`: runs another blueprint.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
