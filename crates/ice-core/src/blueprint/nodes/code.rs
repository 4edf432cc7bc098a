//! `code`: runs a piece of code in a cage or a WebAssembly sandbox.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::NodeBase;
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::tools::Capability;

/// Runs a piece of code in a cage or a WebAssembly sandbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CodeNode {
    /// The language.
    #[serde(default)]
    pub language: CodeLanguage,
    /// The source; this, `module`, or the node's `name` of registered code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What runs it.
    #[serde(default)]
    pub engine: CodeEngine,
    /// A WebAssembly module or component: a registered name, or the path of a file that the run may read. It reads its
    /// inputs as JSON from standard input and writes its output as JSON to standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Whether it runs in a cage; `false` is refused.
    #[serde(default = "yes")]
    pub sandbox: bool,
    /// Modules it may import beyond the standard ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    /// Which of the run's grants the code is given; none by default, and never any of WebAssembly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
}

impl CodeNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            language: fields.choice("language"),
            code: fields.text("code"),
            engine: fields.choice("engine"),
            module: fields.text("module"),
            sandbox: fields.flag("sandbox", true),
            imports: fields.texts("imports").unwrap_or_default(),
            capabilities: fields.choices("capabilities"),
        }
    }

    /// Whether `module` is the path of a file: it has a `/`, or ends in `.wasm` or `.wat`.
    #[must_use]
    pub fn names_a_file(&self) -> bool {
        self.module
            .as_deref()
            .is_some_and(|name| name.contains('/') || [".wasm", ".wat"].iter().any(|end| name.ends_with(end)))
    }

    pub(crate) fn rules(&self, base: &NodeBase, rules: Rules<'_>) {
        match (&self.code, &self.module, &base.name) {
            (Some(_), Some(_), _) => {
                let advice = "remove one of them".to_owned();
                rules.broken("module", "a code node has a `code` or a `module`, not both", advice);
            }
            (Some(code), None, _) => rules.not_blank("code", code),
            (None, Some(module), _) => rules.not_blank("module", module),
            (None, None, Some(_)) => {}
            (None, None, None) => rules.broken(
                "code",
                "a code node needs something to run",
                "set `code` or `module`, or `name` a registered piece of code".to_owned(),
            ),
        }
        match self.engine {
            CodeEngine::Process if self.module.is_some() => {
                let advice = "set `engine: wasm`".to_owned();
                rules.broken("module", "a `module` is WebAssembly, which a process does not run", advice);
            }
            CodeEngine::Wasm if !self.capabilities.is_empty() => {
                let advice = "remove them, or set `engine: process`".to_owned();
                rules.broken("capabilities", "WebAssembly is given no files and no network", advice);
            }
            CodeEngine::Process | CodeEngine::Wasm => {}
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

impl CodeLanguage {
    /// The text, as `language` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Javascript => "javascript",
        }
    }
}

/// What runs the code of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodeEngine {
    /// The interpreter of the machine, in a process of its own, in a cage.
    #[default]
    Process,
    /// WebAssembly, inside of the engine's process.
    Wasm,
}

fn yes() -> bool {
    true
}
