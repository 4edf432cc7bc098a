//! The document: a blueprint and its nodes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NodeBase, NodeKind};
use crate::id::{BlueprintId, NodeId};
use crate::value::Value;

/// The version of the blueprint format a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
pub enum SchemaVersion {
    /// The first dialect: branches and bodies name nodes by id, prompts use `{name}`.
    #[serde(rename = "1.1.0")]
    V1_1,
    /// The present dialect: branches and bodies hold their nodes, templates use `{{ name }}`.
    #[default]
    #[serde(rename = "1.2.0")]
    V1_2,
}

/// A workflow as data: what was read from a file or built in code, upgraded to the present dialect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = may_lack_id)]
pub struct Blueprint {
    /// Its id; made from the version lock when the document has none.
    pub blueprint_id: BlueprintId,
    /// The dialect: what is read is upgraded to the present one.
    #[serde(default)]
    pub schema_version: SchemaVersion,
    /// The nodes of the top scope, in file order.
    pub nodes: Vec<Node>,
    /// The JSON Schema of the run's inputs; without it any inputs are taken.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input_schema: Value,
    /// Free data about the blueprint; `draft_name` is its display name.
    #[serde(default = "Value::empty_map")]
    pub metadata: Value,
}

/// A document may leave its id out: it gets one of its version lock when it is read.
fn may_lack_id(schema: &mut schemars::Schema) {
    if let Some(serde_json::Value::Array(required)) = schema.get_mut("required") {
        required.retain(|field| field != "blueprint_id");
    }
}

impl Blueprint {
    /// The display name: `metadata.draft_name`, else `metadata.name`, else the id.
    #[must_use]
    pub fn name(&self) -> &str {
        let named = |key| self.metadata.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
        named("draft_name").or_else(|| named("name")).unwrap_or(self.blueprint_id.as_str())
    }
}

/// One step of a blueprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its id, unique in its scope.
    pub id: NodeId,
    /// What it does: the fields of its kind, with `type` naming the kind.
    #[serde(flatten)]
    pub kind: NodeKind,
    /// What every kind has.
    #[serde(flatten)]
    pub base: NodeBase,
    /// The branch it belongs to, when a condition of the first dialect lists it. Set when such a document is
    /// read, never written by people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// The branch of a condition in the same scope under which a node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct When {
    /// The condition.
    pub condition: NodeId,
    /// The result under which the node runs.
    pub branch: bool,
}
