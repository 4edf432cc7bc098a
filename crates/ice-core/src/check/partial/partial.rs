//! The partial blueprint and its check.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::suggest::suggestions;
use super::{PartialError, PartialUpdate, Suggestion};
use crate::blueprint::{Reading, read_value};
use crate::check::Checked;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::error::ErrorCode;
use crate::id::{BlueprintId, NodeId};
use crate::path::NodePath;
use crate::registry::Catalog;
use crate::time::IdSource;
use crate::value::{Map, Value};

/// How the id of a blueprint in the making begins.
const PREFIX: &str = "partial_";

/// A node in the making: its fields as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartialNode {
    /// Inputs that still have to be connected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_inputs: Vec<String>,
    /// Outputs that nothing uses yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_outputs: Vec<String>,
    /// Ideas for what to do with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<String>,
    /// Its fields, as in a blueprint: `id`, `type` and the others.
    #[serde(flatten)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub fields: Map,
}

impl PartialNode {
    /// A node of some fields.
    #[must_use]
    pub fn new<K: Into<Arc<str>>>(fields: impl IntoIterator<Item = (K, Value)>) -> Self {
        let fields = fields.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self { fields, ..Self::default() }
    }

    /// Its id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.fields.get("id").and_then(Value::as_str)
    }

    pub(super) fn is(&self, id: &NodeId) -> bool {
        self.id() == Some(id.as_str())
    }

    /// Sets fields; null removes one.
    pub(super) fn set(&mut self, updates: &Map) {
        for (key, value) in updates {
            match (&**key, value) {
                ("pending_inputs", names) => self.pending_inputs = texts(names),
                ("pending_outputs", names) => self.pending_outputs = texts(names),
                ("suggestions", ideas) => self.suggestions = texts(ideas),
                (_, Value::Null) => {
                    self.fields.remove(key);
                }
                (_, value) => {
                    self.fields.insert(Arc::clone(key), value.clone());
                }
            }
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    let texts = value.as_list().unwrap_or_default().iter();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A blueprint in the making. After every update it tells what is wrong or missing and what to do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartialBlueprint {
    /// Its id: `partial_bp_` and eight hex digits.
    pub blueprint_id: BlueprintId,
    /// Its nodes, in order.
    nodes: Vec<PartialNode>,
    /// The JSON Schema of the run's inputs.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input_schema: Value,
    /// Free data about it.
    #[serde(default = "Value::empty_map")]
    pub metadata: Value,
    /// Whether it can be made a blueprint, as of the last update.
    is_complete: bool,
    /// What is wrong or missing, as of the last update.
    validation_errors: Diagnostics,
    /// What to do next, as of the last update.
    next_suggestions: Vec<Suggestion>,
}

impl PartialBlueprint {
    /// An empty one.
    #[must_use]
    pub fn new(ids: &dyn IdSource) -> Self {
        let digits = ids.uuid().simple().to_string();
        let tail: String = digits.chars().skip(24).collect();
        let mut partial = Self {
            blueprint_id: BlueprintId::from_valid(&format!("{PREFIX}bp_{tail}")),
            nodes: Vec::new(),
            input_schema: Value::Null,
            metadata: Value::empty_map(),
            is_complete: false,
            validation_errors: Diagnostics::default(),
            next_suggestions: Vec::new(),
        };
        partial.revalidate(&Catalog::default());
        partial
    }

    /// The nodes, in order.
    #[must_use]
    pub fn nodes(&self) -> &[PartialNode] {
        &self.nodes
    }

    /// Whether it can be made a blueprint, as of the last update.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What is wrong or missing, as of the last update.
    #[must_use]
    pub const fn validation_errors(&self) -> &Diagnostics {
        &self.validation_errors
    }

    /// What to do next, as of the last update.
    #[must_use]
    pub fn next_suggestions(&self) -> &[Suggestion] {
        &self.next_suggestions
    }

    /// Changes it and checks it anew. What becomes wrong by it is told by
    /// [`validation_errors`](Self::validation_errors), not refused: one step may well break what the next mends.
    ///
    /// # Errors
    /// If there is no node of the id that is to be removed or updated; then nothing was changed.
    pub fn apply(&mut self, update: PartialUpdate, catalog: &Catalog) -> Result<(), PartialError> {
        match update {
            PartialUpdate::AddNode { node } => self.nodes.push(node),
            PartialUpdate::RemoveNode { node_id } => {
                let at = self.position(&node_id)?;
                self.nodes.remove(at);
            }
            PartialUpdate::UpdateNode { node_id, updates } => {
                let at = self.position(&node_id)?;
                let fields =
                    updates.as_map().ok_or(PartialError::NotFields { found: updates.type_name() })?;
                if let Some(node) = self.nodes.get_mut(at) {
                    node.set(fields);
                }
            }
            PartialUpdate::Suggest => {}
        }
        self.revalidate(catalog);
        Ok(())
    }

    fn position(&self, id: &NodeId) -> Result<usize, PartialError> {
        let found = self.nodes.iter().position(|node| node.is(id));
        found.ok_or_else(|| PartialError::unknown_node(id, self.nodes.iter().filter_map(PartialNode::id)))
    }

    /// Checks it anew, as after a change of the catalog.
    pub fn revalidate(&mut self, catalog: &Catalog) {
        let (reading, mut found) = self.check(catalog);
        found.merge(self.pending());
        self.next_suggestions = suggestions(self, &reading, &found, catalog);
        self.is_complete = !found.has_errors();
        self.validation_errors = found;
    }

    fn check(&self, catalog: &Catalog) -> (Reading, Diagnostics) {
        let reading = read_value(self.document(), self.blueprint_id.as_str());
        let found = match reading.check(catalog) {
            Ok(checked) => checked.warnings().clone(),
            Err(found) => found,
        };
        (reading, found)
    }

    /// What the nodes themselves say is missing.
    fn pending(&self) -> Diagnostics {
        let mut found = Diagnostics::default();
        for node in &self.nodes {
            let path = node.id().and_then(|id| id.parse::<NodeId>().ok()).map(|id| NodePath::root(&id));
            for name in &node.pending_inputs {
                let message = format!("the input `{name}` is not connected yet");
                let diagnostic = Diagnostic::new(ErrorCode::BlueprintIncomplete, Severity::Error, message);
                found.push(Diagnostic { path: path.clone(), ..diagnostic });
            }
        }
        found
    }

    /// The document it would be.
    fn document(&self) -> Value {
        let id = self.blueprint_id.as_str();
        let mut document = Map::default();
        document.insert("blueprint_id".into(), Value::from(id.strip_prefix(PREFIX).unwrap_or(id)));
        document.insert("schema_version".into(), Value::from("1.2.0"));
        document.insert(
            "nodes".into(),
            Value::list(self.nodes.iter().map(|node| Value::from(node.fields.clone()))),
        );
        if !self.input_schema.is_null() {
            document.insert("input_schema".into(), self.input_schema.clone());
        }
        document.insert("metadata".into(), self.metadata.clone());
        Value::from(document)
    }

    /// Makes it a blueprint: without what is only of use in the making, the id without `partial_`.
    ///
    /// # Errors
    /// Everything that is wrong or missing, checked anew against this catalog.
    pub fn to_blueprint(&self, catalog: &Catalog) -> Result<Checked, Diagnostics> {
        let reading = read_value(self.document(), self.blueprint_id.as_str());
        let pending = self.pending();
        match reading.check(catalog) {
            Ok(checked) if pending.is_empty() => Ok(checked),
            Ok(checked) => {
                let mut found = checked.warnings().clone();
                found.merge(pending);
                Err(found)
            }
            Err(mut found) => {
                found.merge(pending);
                Err(found)
            }
        }
    }
}
