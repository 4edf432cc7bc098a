//! Where an entry comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::path::NodePath;

/// Who wrote an entry, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The run that wrote it: its writes can be taken back as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The node that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodePath>,
    /// The model that said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it was taken from, for example `system`, `user`, a file or an address.
    pub source: String,
    /// The same key writes nothing a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<String>,
}

impl Default for Provenance {
    /// The source `system`, and nothing else known.
    fn default() -> Self {
        Self { run: None, node: None, model: None, source: "system".to_owned(), idempotency: None }
    }
}
