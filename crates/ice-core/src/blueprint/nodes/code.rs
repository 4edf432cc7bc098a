//! `code`: runs a piece of code in a cage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs a piece of code in a cage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CodeNode {
    /// The language.
    #[serde(default)]
    pub language: CodeLanguage,
    /// The source; this or the node's `name` of registered code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether it runs in a cage; `false` is refused.
    #[serde(default = "yes")]
    pub sandbox: bool,
    /// Modules it may import beyond the standard ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
}

/// The language of a code node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodeLanguage {
    /// Python 3.
    #[default]
    Python,
    /// JavaScript.
    Javascript,
}

fn yes() -> bool {
    true
}
