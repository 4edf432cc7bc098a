//! Agents that are data: a prompt, tools and settings under a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::LlmConfig;
use crate::value::Value;

/// An agent as data, which agent, recursive and swarm nodes name by `package`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentDefinition {
    /// The name blueprints use: 1 to 128 letters, digits, `_`, `-` or `.`, beginning with a letter or `_`.
    pub name: String,
    /// The version, which an agent node's `version_constraint` is compared with; 1.0.0 if absent.
    #[serde(default = "first_version")]
    #[schemars(with = "String")]
    pub version: semver::Version,
    /// What the model is told before everything else; a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// The names of the tools it may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Its model and the settings of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_config: Option<LlmConfig>,
    /// Settings of its memory.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub memory: Value,
}

fn first_version() -> semver::Version {
    semver::Version::new(1, 0, 0)
}

impl AgentDefinition {
    /// An agent of this name, version 1.0.0, with nothing else set.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: first_version(),
            system_prompt: None,
            tools: Vec::new(),
            llm_config: None,
            memory: Value::Null,
        }
    }
}
