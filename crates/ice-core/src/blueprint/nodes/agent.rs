//! `agent`: lets a model choose tools until it is done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LlmConfig;
use crate::value::Value;

/// Lets a model choose tools until it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentNode {
    /// The registered agent.
    pub package: String,
    /// The attribute within the package; its last dotted part if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_attr: Option<String>,
    /// The model; the agent's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The versions of the agent that will do, as a semver requirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_constraint: Option<String>,
    /// Settings handed to the agent; strings are templates.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub agent_config: Value,
    /// The tools it may use; the agent's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolConfig>>,
    /// Settings of its memory.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub memory: Value,
    /// The most rounds; at least 1.
    #[serde(default = "default_iterations")]
    #[schemars(range(min = 1))]
    pub max_iterations: u32,
    /// Settings of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_config: Option<LlmConfig>,
}

fn default_iterations() -> u32 {
    10
}

/// A tool as an agent sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolConfig {
    /// The registered tool.
    pub name: String,
    /// What it does; the tool's own words if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The parameters the model may set, name to JSON Schema.
    pub parameters: Value,
    /// The parameters the model must set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
}
