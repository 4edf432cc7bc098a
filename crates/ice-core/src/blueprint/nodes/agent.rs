//! `agent`: lets a model choose tools until it is done.

use schemars::JsonSchema;
use semver::VersionReq;
use serde::{Deserialize, Serialize};

use super::{AgentLimits, LlmConfig, images};
use crate::blueprint::read::Fields;
use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Visit, visit_value};
use crate::diagnostic::Trail;
use crate::value::Value;

/// Lets a model choose tools until it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentNode {
    /// The registered agent.
    pub package: String,
    /// The attribute within the package: the agent `package.agent_attr` is used, if there is one.
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
    /// Pictures and files that follow the task, in the same message: each a template that gives a blob, a list of blobs, or null
    /// to leave it out. At most 16 in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub images: Vec<String>,
    /// The tools it may use; the agent's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolConfig>>,
    /// Settings of its memory. Without effect so far.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub memory: Value,
    /// Whether it is told what was said before in its session, and adds to that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub memory_aware: bool,
    /// Whether it is a conversation: after each answer the agent waits for what a person says next, until they end it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_turn: bool,
    /// The most rounds, of each turn of a conversation; at least 1.
    #[serde(default = "default_iterations")]
    #[schemars(range(min = 1))]
    pub max_iterations: u32,
    /// How far it goes by itself, within what the agent says of that.
    #[serde(default, skip_serializing_if = "AgentLimits::is_empty")]
    pub limits: AgentLimits,
    /// Settings of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_config: Option<LlmConfig>,
}

impl AgentNode {
    /// A registered agent as it is.
    #[must_use]
    pub fn named(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            agent_attr: None,
            model: None,
            version_constraint: None,
            agent_config: Value::Null,
            images: Vec::new(),
            tools: None,
            memory: Value::Null,
            memory_aware: false,
            multi_turn: false,
            max_iterations: default_iterations(),
            limits: AgentLimits::default(),
            llm_config: None,
        }
    }

    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            package: fields.required_text("package"),
            agent_attr: fields.text("agent_attr"),
            model: fields.text("model"),
            version_constraint: fields.text("version_constraint"),
            agent_config: fields.templates("agent_config"),
            images: fields.template_texts(images::FIELD),
            tools: fields.objects("tools", ToolConfig::read),
            memory: fields.object("memory"),
            memory_aware: fields.flag("memory_aware", false),
            multi_turn: fields.flag("multi_turn", false),
            max_iterations: fields.whole("max_iterations").unwrap_or_else(default_iterations),
            limits: fields.below("limits", AgentLimits::read).unwrap_or_default(),
            llm_config: fields.below("llm_config", LlmConfig::read),
        }
    }

    pub(crate) fn rules(&self, rules: Rules<'_>) {
        rules.not_blank("package", &self.package);
        images::rules(&self.images, rules);
        rules.positive("max_iterations", Some(self.max_iterations.into()));
        rules.below("limits", |rules| self.limits.rules(rules));
        if let Some(constraint) = &self.version_constraint
            && let Err(error) = VersionReq::parse(constraint)
        {
            let message = format!("`{constraint}` is not a requirement on versions: {error}");
            rules.broken("version_constraint", message, "write it like `>=1.2, <2`".to_owned());
        }
        for (index, tool) in self.tools.iter().flatten().enumerate() {
            rules.below("tools", |rules| rules.item(index, |rules| rules.not_blank("name", &tool.name)));
        }
        if let Some(config) = &self.llm_config {
            rules.below("llm_config", |rules| config.rules(rules));
        }
        if !self.memory.is_null() {
            rules.doubtful(
                "memory",
                "`memory` has no effect; an agent that is to remember is `memory_aware`",
                None,
            );
        }
    }

    /// The names that the agent may have, the first that is registered counts.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let within = self.agent_attr.as_ref().map(|attribute| format!("{}.{attribute}", self.package));
        within.into_iter().chain([self.package.clone()]).collect()
    }

    /// The versions that will do, if that is said and can be read.
    #[must_use]
    pub fn constraint(&self) -> Option<VersionReq> {
        VersionReq::parse(self.version_constraint.as_deref()?).ok()
    }

    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        visit_value("agent_config", &self.agent_config, at, visit);
        images::texts(&self.images, at, visit);
    }
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

impl ToolConfig {
    fn read(fields: &mut Fields<'_>) -> Self {
        fields.require("parameters");
        Self {
            name: fields.required_text("name"),
            description: fields.text("description"),
            parameters: fields.object("parameters"),
            required: fields.texts("required").unwrap_or_default(),
        }
    }
}
