//! `swarm`: lets several agents find one answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// Lets several agents find one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwarmNode {
    /// The agents; at least two, each with a role of its own.
    #[schemars(length(min = 2))]
    pub agents: Vec<AgentSpec>,
    /// How they work together.
    #[serde(default)]
    pub coordination_strategy: CoordinationStrategy,
    /// The most rounds; at least 1.
    #[serde(default = "default_rounds")]
    #[schemars(range(min = 1))]
    pub max_rounds: u32,
    /// The mean confidence that counts as consensus, 0.5 to 1.
    #[serde(default = "default_threshold")]
    #[schemars(range(min = 0.5, max = 1.0))]
    pub consensus_threshold: f64,
}

fn default_rounds() -> u32 {
    10
}

fn default_threshold() -> f64 {
    0.75
}

/// A member of a swarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    /// The registered agent; not empty.
    pub package: String,
    /// Its role; not empty, unique in the swarm.
    pub role: String,
    /// Settings over the agent's own.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config_overrides: Value,
}

/// How the members of a swarm work together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoordinationStrategy {
    /// Rounds of proposals until their mean confidence is high enough.
    #[default]
    Consensus,
    /// Specialists work, a synthesiser joins their results.
    Hierarchical,
    /// Agents bid; cost and confidence decide.
    Marketplace,
}
