//! The document: a network and its entries.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::schedule::{Cron, Timing, Zone};
use crate::value::{Value, ValuePath};

/// Several workflows with what each comes after, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The format: `network.v0`.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// Its name: a letter or `_`, then at most 62 letters, digits, `_` or `-`. Its runs are those of a blueprint of this id.
    pub name: NodeId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Inputs of the run, by name. Every workflow is given them, but for those that its blueprint does not allow; what the run
    /// is started with comes before them, and what the entry says of its own inputs comes before both.
    #[serde(default = "Value::empty_map")]
    pub global: Value,
    /// The time zone of schedules that name none; UTC if absent.
    #[serde(default)]
    pub time_zone: Zone,
    /// The most workflows under way at once, 1 to 1,024; one that waits for a person is under way.
    #[serde(default = "max_concurrent")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_concurrent: u32,
    /// What a failed workflow means for the others.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
    /// The workflows.
    pub workflows: Vec<Entry>,
}

fn api_version() -> String {
    super::API_VERSION.to_owned()
}

/// The most workflows under way at once if nothing else is said.
pub(super) const fn max_concurrent() -> u32 {
    5
}

/// A workflow of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = may_lack_id)]
pub struct Entry {
    /// The blueprint: a file relative to this one, or a registered name.
    #[serde(rename = "ref")]
    pub workflow_ref: String,
    /// Its id, by which others name it; made of the file's name if absent.
    pub id: NodeId,
    /// The workflows that must have succeeded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<NodeId>,
    /// Its own inputs, by name. Texts are templates: `{{ fetch.clean.rows }}` is the field `rows` of what the node `clean` gave
    /// in the workflow `fetch`, and so comes after it; `{{ inputs.day }}` is an input of the network.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub inputs: Value,
    /// What others see of its output: name to dotted path, the first part of which is the id of a node; all of it if empty.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, ValuePath>,
    /// The longest one attempt may take, in seconds; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: Option<u64>,
    /// Attempts after the first. A workflow in which something happened that cannot be repeated is not tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// When it is started by itself, with what it needs and what comes after it: a cron expression, or an object with more.
    /// Without a schedule it is part of the runs that are started on demand, unless it comes after one that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "text_or_timing")]
    pub schedule: Option<Timing>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A document may leave the id out.
fn may_lack_id(schema: &mut Schema) {
    if let Some(serde_json::Value::Array(required)) = schema.get_mut("required") {
        required.retain(|field| field != "id");
    }
}

fn text_or_timing(generator: &mut SchemaGenerator) -> Schema {
    let (cron, timing) = (generator.subschema_for::<Cron>(), generator.subschema_for::<Timing>());
    schemars::json_schema!({ "anyOf": [cron, timing] })
}

/// What a failed workflow means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// Everything stops.
    Halt,
    /// What comes after it is skipped, and everything else goes on.
    #[default]
    ContinuePossible,
    /// Everything goes on; what comes after it finds nothing where its output would be.
    Always,
}

impl Network {
    /// The entry of this id.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.workflows.iter().find(|entry| entry.id.as_str() == id)
    }
}
