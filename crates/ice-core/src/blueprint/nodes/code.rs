//! `code`: runs a piece of code in a cage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::NodeBase;
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;

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

impl CodeNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            language: fields.choice("language"),
            code: fields.text("code"),
            sandbox: fields.flag("sandbox", true),
            imports: fields.texts("imports").unwrap_or_default(),
        }
    }

    pub(crate) fn rules(&self, base: &NodeBase, rules: Rules<'_>) {
        match (&self.code, &base.name) {
            (Some(code), _) => rules.not_blank("code", code),
            (None, Some(_)) => {}
            (None, None) => rules.broken(
                "code",
                "a code node needs something to run",
                "set `code`, or `name` a registered piece of code".to_owned(),
            ),
        }
        if !self.sandbox {
            let advice = "remove `sandbox`, or set it to true".to_owned();
            rules.broken("sandbox", "code runs in a cage, always", advice);
        }
    }
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
