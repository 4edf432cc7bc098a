//! The fields every kind of node has.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RetryPolicy;
use super::read::{Context, Fields, wrong_type};
use super::rules::Rules;
use crate::budget::Budget;
use crate::diagnostic::{Finding, Trail};
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::llm::Usd;
use crate::value::{Value, ValuePath};

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

/// The fields every kind of node has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeBase {
    /// A display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Nodes of the same scope that must be done first. References in templates are dependencies by
    /// themselves and need not be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<NodeId>,
    /// Free data about the node.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// The provider of language models; `openai` if nothing else says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The longest one attempt may take, in seconds; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: Option<u64>,
    /// Attempts after the first; ignored if `retry_policy` is set.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// The wait before a further attempt, in seconds, with `retries`.
    #[serde(default, skip_serializing_if = "is_zero_f64")]
    #[schemars(range(min = 0.0))]
    pub backoff_seconds: f64,
    /// How attempts are repeated; overrides `retries` and `backoff_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// What all attempts at the node, and everything within it, may spend together.
    #[serde(default, skip_serializing_if = "Budget::is_unlimited")]
    pub budget: Budget,
    /// The schema of what the node is given: a JSON Schema or `{field: "str"}`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input_schema: Value,
    /// The schema of what the node gives: a JSON Schema or `{field: "str"}`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output_schema: Value,
    /// Names for parts of other nodes' outputs, or literals: first in scope for this node's templates.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub input_mappings: IndexMap<String, InputMapping>,
    /// Further names for parts of this node's output: alias to dotted path.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub output_mappings: IndexMap<String, ValuePath>,
    /// Whether results of pure tools may be taken from the cache of the engine.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub use_cache: bool,
    /// The names of the node's input that are used; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_selection: Option<Vec<String>>,
    /// The names of the node's output that are kept; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_selection: Option<Vec<String>>,
    /// How parts of the context are written into prompts.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub context_rules: IndexMap<String, ContextRule>,
}

impl Default for NodeBase {
    fn default() -> Self {
        Self {
            name: None,
            dependencies: Vec::new(),
            metadata: Value::Null,
            provider: None,
            timeout_seconds: None,
            retries: 0,
            backoff_seconds: 0.0,
            retry_policy: None,
            budget: Budget::default(),
            input_schema: Value::Null,
            output_schema: Value::Null,
            input_mappings: IndexMap::new(),
            output_mappings: IndexMap::new(),
            use_cache: true,
            input_selection: None,
            output_selection: None,
            context_rules: IndexMap::new(),
        }
    }
}

impl NodeBase {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        // The level of a node in its graph: written by older systems, computed here.
        let _ = fields.any("level");
        Self {
            name: fields.text("name"),
            dependencies: fields.node_ids("dependencies"),
            metadata: fields.object("metadata"),
            provider: fields.text("provider"),
            timeout_seconds: fields.whole("timeout_seconds"),
            retries: fields.whole("retries").unwrap_or(0),
            backoff_seconds: fields.number("backoff_seconds").unwrap_or(0.0),
            retry_policy: fields.below("retry_policy", RetryPolicy::read),
            budget: fields.below("budget", budget).unwrap_or_default(),
            input_schema: fields.object("input_schema"),
            output_schema: fields.object("output_schema"),
            input_mappings: fields.entries("input_mappings", InputMapping::read),
            output_mappings: fields.paths("output_mappings"),
            use_cache: fields.flag("use_cache", true),
            input_selection: fields.texts("input_selection"),
            output_selection: fields.texts("output_selection"),
            context_rules: fields.entries("context_rules", |value, at, context| {
                let mut fields = Fields::of(value, at, context);
                let rule = ContextRule::read(&mut fields);
                fields.finish();
                Some(rule)
            }),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.positive("timeout_seconds", self.timeout_seconds);
        rules.within("backoff_seconds", Some(self.backoff_seconds), 0.0..=f64::INFINITY);
        if let Some(policy) = &self.retry_policy {
            rules.below("retry_policy", |rules| policy.rules(rules));
        }
        for name in self.input_mappings.keys() {
            rules.below("input_mappings", |rules| rules.identifier(name, name));
        }
        for (name, schema) in [("input_schema", &self.input_schema), ("output_schema", &self.output_schema)] {
            if !schema.is_null() && schema.as_map().is_none() {
                rules.add(name, Finding::error(ErrorCode::InvalidSchema, "a schema must be an object"));
            }
        }
    }
}

fn budget(fields: &mut Fields<'_>) -> Budget {
    Budget {
        cost_usd: amount(fields, "cost_usd"),
        tokens: fields.whole("tokens"),
        model_calls: fields.whole("model_calls"),
        tool_calls: fields.whole("tool_calls"),
    }
}

/// An amount of money. What is none is told as the amount itself tells it: how many digits there may be.
pub(super) fn amount(fields: &mut Fields<'_>, name: &'static str) -> Option<Usd> {
    let value = fields.any(name)?;
    let read: Result<Usd, _> = value.to();
    if read.is_err() {
        let finding = wrong_type("an amount of US dollars such as \"0.15\"", value);
        let advice = "write digits with at most 12 decimals, in quotes: \"0\" to \"18446744\"";
        fields.add(name, finding.advise(advice.to_owned()));
    }
    read.ok()
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_zero_f64(number: &f64) -> bool {
    *number == 0.0
}

/// Where a name of a node's input comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InputMapping {
    /// A part of another node's output.
    Source {
        /// The node.
        source_node_id: NodeId,
        /// The dotted path into its output; `.` is the whole.
        source_output_key: ValuePath,
        /// Free rules, kept as they are.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        rules: Value,
    },
    /// A literal.
    Literal(Value),
}

impl InputMapping {
    /// An object that names a source is one; every other value is a literal.
    fn read(value: &Value, at: &Trail<'_>, context: &Context<'_>) -> Option<Self> {
        if value.get("source_node_id").is_none() && value.get("source_output_key").is_none() {
            return Some(Self::Literal(value.clone()));
        }
        let mut fields = Fields::of(value, at, context);
        fields.require("source_node_id");
        fields.require("source_output_key");
        let node = fields.node_id("source_node_id");
        let key = fields.text("source_output_key");
        let rules = fields.object("rules");
        fields.finish();
        let source_output_key = ValuePath::from(key?.as_str());
        Some(Self::Source { source_node_id: node?, source_output_key, rules })
    }
}

/// How a part of the context is written into prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ContextRule {
    /// Whether it is written at all.
    pub include: bool,
    /// The form it is written in.
    pub format: ContextFormat,
    /// Whether it must be there.
    pub required: bool,
    /// The most tokens it may take.
    pub max_tokens: Option<u64>,
    /// Whether it is cut to `max_tokens`; otherwise exceeding them is an error.
    pub truncate: bool,
}

impl Default for ContextRule {
    fn default() -> Self {
        Self { include: true, format: ContextFormat::Text, required: false, max_tokens: None, truncate: true }
    }
}

impl ContextRule {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            include: fields.flag("include", true),
            format: fields.choice("format"),
            required: fields.flag("required", false),
            max_tokens: fields.whole("max_tokens"),
            truncate: fields.flag("truncate", true),
        }
    }
}

/// The form a part of the context is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContextFormat {
    /// Plain text.
    #[default]
    Text,
    /// JSON, indented.
    Json,
    /// Fenced Markdown.
    Markdown,
    /// A fenced code block.
    Code,
    /// As the node's `format_specifications` say.
    Custom,
}
