//! What to do next with a blueprint in the making, worked out anew each time.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PartialBlueprint;
use crate::blueprint::Reading;
use crate::check::outputs_with;
use crate::diagnostic::Diagnostics;
use crate::path::NodePath;
use crate::registry::Catalog;

/// The most suggestions that are made.
const MAX_SUGGESTIONS: usize = 50;

/// Something to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suggestion {
    /// The node it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<NodePath>,
    /// What to do.
    pub message: String,
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{path}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What to do next: mend what is wrong, connect what is pending, follow the nodes' own ideas, finish.
pub(super) fn suggestions(
    partial: &PartialBlueprint,
    reading: &Reading,
    found: &Diagnostics,
    catalog: &Catalog,
) -> Vec<Suggestion> {
    let mut made = Vec::new();
    if partial.nodes().is_empty() {
        let message = if catalog.tools.is_empty() {
            "add a first node".to_owned()
        } else {
            let names: Vec<&str> = catalog.tools.iter().take(5).map(|tool| tool.name.as_str()).collect();
            format!("add a first node, for example with one of the tools {}", names.join(", "))
        };
        return vec![Suggestion { path: None, message }];
    }
    for diagnostic in found {
        if let Some(advice) = &diagnostic.advice {
            let message = format!("{}: {advice}", diagnostic.message);
            made.push(Suggestion { path: diagnostic.path.clone(), message });
        }
    }
    for node in partial.nodes() {
        let path: Option<NodePath> = node.id().and_then(|id| id.parse().ok());
        let mut add = |message| made.push(Suggestion { path: path.clone(), message });
        for name in &node.pending_inputs {
            let sources = outputs_with(reading, catalog, name);
            for source in sources.iter().filter(|source| Some(source.as_str()) != node.id()) {
                add(format!("connect `{name}`, for example to `{{{{ {source}.{name} }}}}`"));
            }
        }
        for name in &node.pending_outputs {
            add(format!("use the output `{name}` in a further node"));
        }
        node.suggestions.iter().cloned().for_each(add);
    }
    if !found.has_errors() {
        made.push(Suggestion { path: None, message: "ready to finalise".to_owned() });
    }
    made.truncate(MAX_SUGGESTIONS);
    made
}
