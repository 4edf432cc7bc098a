//! `swarm`: lets several agents find one answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LlmConfig;
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::id::NodeId;
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

impl SwarmNode {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("agents");
        Self {
            agents: fields.objects("agents", AgentSpec::read).unwrap_or_default(),
            coordination_strategy: fields.choice("coordination_strategy"),
            max_rounds: fields.whole("max_rounds").unwrap_or_else(default_rounds),
            consensus_threshold: fields.number("consensus_threshold").unwrap_or_else(default_threshold),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        if self.agents.len() < 2 {
            rules.broken("agents", "a swarm needs at least two agents", None);
        }
        for (index, agent) in self.agents.iter().enumerate() {
            let is_known = self.agents.iter().take(index).any(|before| before.role == agent.role);
            rules.below("agents", |rules| {
                rules.item(index, |rules| {
                    rules.not_blank("package", &agent.package);
                    rules.not_blank("role", &agent.role);
                    if let Some(config) = agent.config_overrides.get("llm_config")
                        && let Err(error) = config.to::<LlmConfig>()
                    {
                        let message = format!("`llm_config` holds no settings of a provider: {error}");
                        rules.broken("config_overrides", message, None);
                    }
                    if !agent.role.trim().is_empty() && !NodeId::is_valid(&agent.role) {
                        let message =
                            format!("`{}` is no role: it is part of the addresses of steps", agent.role);
                        let advice =
                            "write letters, digits, `_` and `-`, beginning with a letter or `_`, at most 64";
                        rules.broken("role", message, advice.to_owned());
                    }
                    if is_known && !agent.role.trim().is_empty() {
                        rules.broken("role", format!("the role `{}` is taken already", agent.role), None);
                    }
                });
            });
        }
        if self.coordination_strategy == CoordinationStrategy::Marketplace && self.max_rounds == 1 {
            let message = "a marketplace has a round of bids and at least one of work";
            rules.broken("max_rounds", message, "set at least 2".to_owned());
        }
        rules.positive("max_rounds", Some(self.max_rounds.into()));
        rules.within("consensus_threshold", Some(self.consensus_threshold), 0.5..=1.0);
    }
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
    /// What the agent is told of itself sees it as `config`; `llm_config`, `model`, `provider` and `max_iterations` in it go
    /// over the agent's own.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config_overrides: Value,
}

impl AgentSpec {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            package: fields.required_text("package"),
            role: fields.required_text("role"),
            config_overrides: fields.object("config_overrides"),
        }
    }
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
