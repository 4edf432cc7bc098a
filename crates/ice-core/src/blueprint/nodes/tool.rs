//! `tool`: calls a tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Visit, visit_value};
use crate::diagnostic::Trail;
use crate::value::Value;

/// Calls a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolNode {
    /// The tool.
    pub tool_name: String,
    /// Its arguments; strings are templates.
    #[serde(default = "Value::empty_map")]
    pub tool_args: Value,
}

impl ToolNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        let tool_name = fields.required_text("tool_name");
        let tool_args = fields.templates("tool_args");
        Self { tool_name, tool_args: if tool_args.is_null() { Value::empty_map() } else { tool_args } }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("tool_name", &self.tool_name);
        if self.tool_args.as_map().is_none() {
            rules.broken("tool_args", "`tool_args` must be an object", None);
        }
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_value("tool_args", &self.tool_args, at, visit);
    }
}
