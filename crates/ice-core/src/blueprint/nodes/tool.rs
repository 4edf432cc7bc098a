//! `tool`: calls a tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
