//! Agents that are data: a prompt, tools and settings under a name.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::blueprint::{AgentLimits, AgentNode, AgentSpec, Format, LlmConfig, NodeBase};
use crate::document::{self, Object, Problem, Reading};
use crate::error::ErrorCode;
use crate::template::Template;
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
    /// What it is good for: what the model of an agent that may let it work is told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the model is told before everything else; a template that sees the node's `agent_config` as `config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// The names of the tools it may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The names of the agents it may let work, each of which its model sees as a tool of that name, with a `task`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Whether it may ask a person: its model sees that as a tool [`ask_person`](Self::ASK_PERSON).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask_person: bool,
    /// How far it goes by itself.
    #[serde(default, skip_serializing_if = "AgentLimits::is_empty")]
    pub limits: AgentLimits,
    /// Its model and the settings of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_config: Option<LlmConfig>,
    /// Settings of its memory. Without effect so far.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub memory: Value,
    /// The rules that its conversations follow, [`RULES`](Self::RULES) for an agent that is read now. A journal has it where
    /// it is not 0, so that what was begun under other rules goes on under them.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(skip)]
    pub rules: u32,
}

fn is_zero(rules: &u32) -> bool {
    *rules == 0
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
            description: None,
            system_prompt: None,
            tools: Vec::new(),
            agents: Vec::new(),
            ask_person: false,
            limits: AgentLimits::default(),
            llm_config: None,
            memory: Value::Null,
            rules: Self::RULES,
        }
    }

    /// The newest rules of conversations. Under rules 1 the model is told that results of tools are data, a result is cut
    /// where it is long, and a call is not repeated for ever; under rules 0, those of the first journals, it is not so unless
    /// [`limits`](Self::limits) say it.
    pub const RULES: u32 = 1;

    /// The name of the tool with which an agent asks a person.
    pub const ASK_PERSON: &str = "ask_person";

    /// The most agents that may be let work below one node, counted once for each that may let them.
    pub const MAX_BELOW: usize = 256;

    /// The settings of the provider with which it works for another agent: its own if they name a model, else its own over
    /// those of the other.
    #[must_use]
    pub fn settings_below(&self, other: &LlmConfig) -> LlmConfig {
        let own = self.llm_config.clone().unwrap_or_default();
        if own.model.is_some() { own } else { own.over(other.clone()) }
    }

    /// How often the same tool is called with the same arguments, if that is limited.
    #[must_use]
    pub fn repeats(&self, limits: &AgentLimits) -> Option<u32> {
        limits.repeats.or((self.rules > 0).then_some(AgentLimits::REPEATS))
    }

    /// How many bytes of a result its model is shown, if that is limited.
    #[must_use]
    pub fn result_bytes(&self, limits: &AgentLimits) -> Option<u64> {
        limits.result_bytes.or((self.rules > 0).then_some(AgentLimits::RESULT_BYTES))
    }

    /// Whether it is another agent than this one, whatever rules they follow.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        *self != Self { rules: self.rules, ..other.clone() }
    }

    /// Reads an agent from JSON or YAML. `name` is what diagnostics call the text, for example its file name.
    #[must_use]
    pub fn read(text: &str, format: Format, name: &str) -> Reading<Self> {
        document::read(text, format, name, "agent", Self::of)
    }

    fn of(object: &mut Object<'_, '_>) -> Self {
        let name = object.required_text("name");
        if !name.is_empty() && !<Arc<Self> as Entry>::is_name(&name) {
            let message = format!("this is no name for an agent: {}", <Arc<Self> as Entry>::NAME_RULE);
            object.refuse("name", Problem::new(ErrorCode::InvalidId, message));
        }
        let version = object.text("version").map_or_else(first_version, |text| {
            text.parse().unwrap_or_else(|error| {
                let message = format!("this is no version: {error}");
                let problem = Problem::new(ErrorCode::OutOfRange, message);
                object.refuse("version", problem.advise("write it like 1.0.0"));
                first_version()
            })
        });
        let system_prompt = object.text("system_prompt");
        if let Some(Err(error)) = system_prompt.as_deref().map(Template::compile) {
            object.refuse("system_prompt", Problem::new(error.code(), error.to_string()));
        }
        let description = object.text("description");
        let tools = object.parsed("tools", |tool| Ok(tool.to_owned())).unwrap_or_default();
        let agents = object.parsed("agents", |agent| Ok(agent.to_owned())).unwrap_or_default();
        let ask_person = object.flag("ask_person", false);
        let limits = object.limits("limits");
        let llm_config = object.settings("llm_config");
        let memory = object.value("memory").cloned().unwrap_or_default();
        Self {
            name,
            version,
            description,
            system_prompt,
            tools,
            agents,
            ask_person,
            limits,
            llm_config,
            memory,
            rules: Self::RULES,
        }
    }
}

impl AgentNode {
    /// The settings of the provider: those of the node over those of the agent it names, `llm_config` over the node's
    /// `provider` and `model`.
    #[must_use]
    pub fn settings(&self, base: &NodeBase, agent: Option<&AgentDefinition>) -> LlmConfig {
        let of_agent = agent.and_then(|agent| agent.llm_config.clone()).unwrap_or_default();
        let of_node = self.llm_config.clone().unwrap_or_default();
        let of_node = LlmConfig {
            provider: of_node.provider.or_else(|| base.provider.clone()),
            model: of_node.model.or_else(|| self.model.clone()),
            ..of_node
        };
        of_node.over(of_agent)
    }
}

/// The most rounds of a member's turn in a swarm if nothing else is said.
const TURN: u32 = 10;

impl AgentSpec {
    /// The settings of the provider, as with [`AgentNode::settings`]: those of `config_overrides` (`llm_config`, `model`,
    /// `provider`) over those of the agent it names.
    #[must_use]
    pub fn settings(&self, base: &NodeBase, agent: Option<&AgentDefinition>) -> LlmConfig {
        let of_agent = agent.and_then(|agent| agent.llm_config.clone()).unwrap_or_default();
        let written = self.config_overrides.get("llm_config");
        let own: LlmConfig = written.and_then(|config| config.to().ok()).unwrap_or_default();
        let text = |name| self.config_overrides.get(name).and_then(Value::as_str).map(str::to_owned);
        let own = LlmConfig {
            provider: own.provider.or_else(|| text("provider")).or_else(|| base.provider.clone()),
            model: own.model.or_else(|| text("model")),
            ..own
        };
        own.over(of_agent)
    }

    /// The most rounds of one of its turns: `config_overrides.max_iterations`, else 10.
    #[must_use]
    pub fn max_iterations(&self) -> u32 {
        let written = self.config_overrides.get("max_iterations").and_then(Value::as_u64);
        written.and_then(|rounds| u32::try_from(rounds).ok()).filter(|rounds| *rounds > 0).unwrap_or(TURN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let reading = AgentDefinition::read(text, Format::Yaml, "a.yaml");
        assert_eq!(reading.diagnostics.to_string(), expected, "{text}");
        assert_eq!(reading.value.is_some(), expected.is_empty());
    }

    #[test]
    fn an_agent_is_read_strictly() {
        check(
            "name: critic\nversion: 1.2.0\nsystem_prompt: 'Be {{ config.how }}.'\ntools: [hello, my.tool]\n",
            "",
        );
        check(
            "name: 3rd\n",
            "a.yaml:1:7: error[INVALID_ID]: name: this is no name for an agent: a letter or `_`, then letters, \
             digits, `_`, `-` and `.`, at most 128",
        );
        check("name: a\nprompt: x\n", "a.yaml:2:1: error[UNKNOWN_FIELD]: prompt: unknown field `prompt`");
        check(
            "name: a\nversion: new\n",
            "a.yaml:2:10: error[OUT_OF_RANGE]: version: this is no version: unexpected character 'n' \
             while parsing major version number; write it like 1.0.0",
        );
        check(
            "name: a\nllm_config: {temperature: 3, api_key: x}\n",
            "a.yaml:2:27: error[OUT_OF_RANGE]: llm_config.temperature: `temperature` must lie between 0 and 2, not 3\n\
             a.yaml:2:39: error[RULE_VIOLATION]: llm_config.api_key: a blueprint never holds a key: whoever reads it could \
             use it; remove it; keys belong to the configuration of the provider",
        );
        check(
            "name: a\nsystem_prompt: '{{ config.'\n",
            "a.yaml:2:16: error[TEMPLATE_SYNTAX]: system_prompt: unexpected end of input, expected identifier or \
             integer (line 1, column 10 of the template)",
        );
    }

    #[test]
    fn limits_are_read_and_in_range() {
        check(
            "name: a\nlimits: {rounds: 2, tool_calls: 0, tokens: 5, cost_usd: '0.15', repeats: 1, result_bytes: 256, depth: 8}\n",
            "",
        );
        check(
            "name: a\nlimits: {rounds: 0, repeats: 0, result_bytes: 100, depth: 9, cost_usd: much, calls: 1}\n",
            "a.yaml:2:18: error[OUT_OF_RANGE]: limits.rounds: `rounds` must be at least 1\n\
             a.yaml:2:30: error[OUT_OF_RANGE]: limits.repeats: `repeats` must be at least 1\n\
             a.yaml:2:47: error[OUT_OF_RANGE]: limits.result_bytes: `result_bytes` must be at least 256, not 100\n\
             a.yaml:2:59: error[OUT_OF_RANGE]: limits.depth: `depth` must lie between 0 and 8, not 9\n\
             a.yaml:2:72: error[WRONG_TYPE]: limits.cost_usd: expected an amount of US dollars such as \"0.15\", found the \
             text \"much\"; write digits with at most 12 decimals, in quotes: \"0\" to \"18446744\"\n\
             a.yaml:2:78: error[UNKNOWN_FIELD]: limits.calls: unknown field `calls`",
        );
    }

    #[test]
    fn what_a_journal_has_of_an_agent_says_its_rules() {
        let read = AgentDefinition::read("name: a\nagents: [b]\n", Format::Yaml, "a.yaml").value.unwrap();
        let kept = serde_json::to_string(&read).unwrap();
        assert_eq!(kept, r#"{"name":"a","version":"1.0.0","agents":["b"],"rules":1}"#);
        assert_eq!(serde_json::from_str::<AgentDefinition>(&kept).unwrap(), read);
        let old: AgentDefinition = serde_json::from_str(&kept.replace(",\"rules\":1", "")).unwrap();
        assert!(old != read && !old.differs(&read) && old.differs(&AgentDefinition::new("a")));
        let limits = AgentLimits { repeats: Some(7), ..AgentLimits::default() };
        assert_eq!(
            (old.repeats(&limits), old.repeats(&old.limits), old.result_bytes(&limits)),
            (Some(7), None, None)
        );
        assert_eq!((read.repeats(&read.limits), read.result_bytes(&limits)), (Some(3), Some(65_536)));
    }

    #[test]
    fn the_settings_of_a_node_stand_over_those_of_its_agent() {
        let settings = |text: &str| serde_json::from_str::<LlmConfig>(text).unwrap();
        let agent = AgentDefinition {
            llm_config: Some(settings(
                r#"{"provider": "p", "model": "m", "top_p": 0.5, "custom_parameters": {"a": 1, "b": 1}, "x": 1}"#,
            )),
            ..AgentDefinition::new("a")
        };
        let node: AgentNode = serde_json::from_str(
            r#"{"package": "a", "model": "n", "llm_config": {"temperature": 1.0, "custom_parameters": {"b": 2}, "y": 2}}"#,
        )
        .unwrap();
        let merged = node.settings(&NodeBase::default(), Some(&agent));
        assert_eq!(
            merged,
            settings(
                r#"{"provider": "p", "model": "n", "top_p": 0.5, "temperature": 1.0, "custom_parameters": {"a": 1, "b": 2},
                    "x": 1, "y": 2}"#
            )
        );
        let base = NodeBase { provider: Some("q".to_owned()), ..NodeBase::default() };
        assert_eq!(node.settings(&base, Some(&agent)).provider.as_deref(), Some("q"));
    }
}
