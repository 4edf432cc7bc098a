//! The catalog: what there is to build blueprints from, as data that can be stored and sent.

use schemars::JsonSchema;
use semver::VersionReq;
use serde::{Deserialize, Serialize};

use super::{AgentDefinition, CodeBody, RegisteredCode, near_names};
#[cfg(doc)]
use crate::blueprint::AgentNode;
use crate::blueprint::{
    AlertChannel, Blueprint, CodeEngine, CodeLanguage, KindName, Node, NodeKind, Reading,
};
use crate::embedding::{Dimension, Embedder};
use crate::id::{BlueprintId, NodeId};
use crate::tools::ToolSpec;
use crate::value::Value;

/// What there is to build blueprints from. Checking needs no more than this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Catalog {
    /// The tools, every version.
    pub tools: Vec<ToolSpec>,
    /// The providers of language models.
    pub providers: Vec<ProviderSpec>,
    /// The embedders.
    pub embedders: Vec<EmbedderSpec>,
    /// The agents that are data, every version.
    pub agents: Vec<AgentDefinition>,
    /// The blueprints that workflow nodes can name.
    pub blueprints: Vec<BlueprintSpec>,
    /// The code that nodes can name, every version.
    pub code: Vec<CodeSpec>,
    /// The interpreters that run source; absent if it is not known which there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreters: Option<Vec<InterpreterSpec>>,
    /// The channels whose alerts reach anybody; absent if it is not known which do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_channels: Option<Vec<AlertChannel>>,
    /// The kinds of node that can be executed.
    pub kinds: Vec<KindName>,
}

/// What a provider of language models says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSpec {
    /// The name blueprints use.
    pub name: String,
    /// The models it has; absent if it takes any name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
}

impl ProviderSpec {
    /// Whether it may have a model of this name.
    #[must_use]
    pub fn offers(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|known| known == model))
    }
}

/// What an embedder says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbedderSpec {
    /// Its name.
    pub name: String,
    /// The id of its model, which its embeddings carry.
    pub model: String,
    /// How long its vectors are.
    pub dimension: Dimension,
}

impl EmbedderSpec {
    /// The spec of an embedder.
    #[must_use]
    pub fn of(embedder: &dyn Embedder) -> Self {
        Self {
            name: embedder.name().to_owned(),
            model: embedder.model().to_owned(),
            dimension: embedder.dimension(),
        }
    }
}

/// What others need to know of a blueprint to run it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlueprintSpec {
    /// The name, as `workflow_ref` has it.
    pub name: String,
    /// Its id.
    pub blueprint_id: BlueprintId,
    /// The JSON Schema of its inputs; null if it takes any.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input_schema: Value,
    /// The ids of its top-level nodes in file order: the keys of its output.
    pub nodes: Vec<NodeId>,
    /// The blueprints it runs itself, at any depth of nesting, sorted: where circles are found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflow_refs: Vec<String>,
}

impl BlueprintSpec {
    /// The spec of a blueprint under a name.
    #[must_use]
    pub fn of(name: &str, blueprint: &Blueprint) -> Self {
        let mut workflow_refs = Vec::new();
        collect_refs(&blueprint.nodes, &mut workflow_refs);
        workflow_refs.sort_unstable();
        workflow_refs.dedup();
        Self {
            name: name.to_owned(),
            blueprint_id: blueprint.blueprint_id.clone(),
            input_schema: blueprint.input_schema.clone(),
            nodes: blueprint.nodes.iter().map(|node| node.id.clone()).filter(|id| !id.is_unnamed()).collect(),
            workflow_refs,
        }
    }
}

/// What is known of registered code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeSpec {
    /// The name that nodes use.
    pub name: String,
    /// Its version.
    #[schemars(with = "String")]
    pub version: semver::Version,
    /// The language of its source; absent for WebAssembly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<CodeLanguage>,
}

/// An interpreter that runs source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterpreterSpec {
    /// What runs it.
    pub engine: CodeEngine,
    /// Its language.
    pub language: CodeLanguage,
}

impl CodeSpec {
    /// The spec of registered code.
    #[must_use]
    pub fn of(code: &RegisteredCode) -> Self {
        let language = match &code.body {
            CodeBody::Source(language, _) => Some(*language),
            CodeBody::Module(_) => None,
        };
        Self { name: code.name.to_string(), version: code.version.clone(), language }
    }
}

impl Reading {
    /// The names that the agents of the blueprint may have, as far as it could be read; see [`AgentNode::names`].
    #[must_use]
    pub fn agents(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect_agents(self.draft.as_ref().map_or(&[], |draft| &draft.nodes), &mut names);
        names
    }

    /// What others need to know of the blueprint to run it, as far as it could be read.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<BlueprintSpec> {
        self.draft.as_ref().map(|draft| BlueprintSpec::of(name, draft))
    }
}

fn collect_agents(nodes: &[Node], names: &mut Vec<String>) {
    for node in nodes {
        match &node.kind {
            NodeKind::Agent(agent) => names.extend(agent.names()),
            NodeKind::Recursive(recursive) => names.extend(recursive.agent_package.clone()),
            NodeKind::Swarm(swarm) => names.extend(swarm.agents.iter().map(|agent| agent.package.clone())),
            NodeKind::Condition(_) | NodeKind::Loop(_) | NodeKind::Parallel(_) => {
                for (_, nested) in node.kind.scopes() {
                    collect_agents(nested, names);
                }
            }
            NodeKind::Tool(_)
            | NodeKind::Llm(_)
            | NodeKind::Workflow(_)
            | NodeKind::Code(_)
            | NodeKind::Human(_)
            | NodeKind::Monitor(_) => {}
        }
    }
}

fn collect_refs(nodes: &[Node], refs: &mut Vec<String>) {
    for node in nodes {
        match &node.kind {
            NodeKind::Workflow(workflow) => refs.push(workflow.workflow_ref.clone()),
            NodeKind::Recursive(recursive) => refs.extend(recursive.workflow_ref.clone()),
            NodeKind::Condition(_) | NodeKind::Loop(_) | NodeKind::Parallel(_) => {
                for (_, nested) in node.kind.scopes() {
                    collect_refs(nested, refs);
                }
            }
            NodeKind::Tool(_)
            | NodeKind::Llm(_)
            | NodeKind::Agent(_)
            | NodeKind::Code(_)
            | NodeKind::Human(_)
            | NodeKind::Monitor(_)
            | NodeKind::Swarm(_) => {}
        }
    }
}

impl Catalog {
    /// The newest tool of this name that meets the requirement; without one the newest release, or the
    /// newest pre-release if there is nothing else.
    #[must_use]
    pub fn tool(&self, name: &str, requirement: Option<&VersionReq>) -> Option<&ToolSpec> {
        let named = self.tools.iter().filter(|tool| tool.name == name);
        newest(named.map(|tool| (&tool.version, tool)), requirement)
    }

    /// The provider of this name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&ProviderSpec> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The embedder of this name.
    #[must_use]
    pub fn embedder(&self, name: &str) -> Option<&EmbedderSpec> {
        self.embedders.iter().find(|embedder| embedder.name == name)
    }

    /// The newest agent of this name that meets the requirement, as with [`tool`](Self::tool).
    #[must_use]
    pub fn agent(&self, name: &str, requirement: Option<&VersionReq>) -> Option<&AgentDefinition> {
        let named = self.agents.iter().filter(|agent| agent.name == name);
        newest(named.map(|agent| (&agent.version, agent)), requirement)
    }

    /// The blueprint of this name.
    #[must_use]
    pub fn blueprint(&self, name: &str) -> Option<&BlueprintSpec> {
        self.blueprints.iter().find(|blueprint| blueprint.name == name)
    }

    /// The newest code of this name.
    #[must_use]
    pub fn code(&self, name: &str) -> Option<&CodeSpec> {
        newest(self.code.iter().filter(|code| code.name == name).map(|code| (&code.version, code)), None)
    }

    /// Whether nodes of this kind can be executed.
    #[must_use]
    pub fn executes(&self, kind: KindName) -> bool {
        self.kinds.contains(&kind)
    }

    /// The names of tools that `wanted` may have meant, the nearest first.
    #[must_use]
    pub fn near_tools(&self, wanted: &str) -> Vec<&str> {
        near_names(wanted, self.tools.iter().map(|tool| tool.name.as_str()))
    }

    /// The names of providers that `wanted` may have meant, the nearest first.
    #[must_use]
    pub fn near_providers(&self, wanted: &str) -> Vec<&str> {
        near_names(wanted, self.providers.iter().map(|provider| provider.name.as_str()))
    }

    /// The models of a provider that `wanted` may have meant, the nearest first.
    #[must_use]
    pub fn near_models(&self, provider: &str, wanted: &str) -> Vec<&str> {
        let models = self.provider(provider).and_then(|spec| spec.models.as_deref()).unwrap_or_default();
        near_names(wanted, models.iter().map(String::as_str))
    }

    /// The names of agents that `wanted` may have meant, the nearest first.
    #[must_use]
    pub fn near_agents(&self, wanted: &str) -> Vec<&str> {
        near_names(wanted, self.agents.iter().map(|agent| agent.name.as_str()))
    }

    /// The names of blueprints that `wanted` may have meant, the nearest first.
    #[must_use]
    pub fn near_blueprints(&self, wanted: &str) -> Vec<&str> {
        near_names(wanted, self.blueprints.iter().map(|blueprint| blueprint.name.as_str()))
    }
}

/// The newest version that fits; releases are preferred where nothing is required.
fn newest<'a, T>(
    versions: impl Iterator<Item = (&'a semver::Version, &'a T)>,
    requirement: Option<&VersionReq>,
) -> Option<&'a T> {
    versions
        .filter(|(version, _)| requirement.is_none_or(|wanted| wanted.matches(version)))
        .max_by_key(|(version, _)| (requirement.is_some() || version.pre.is_empty(), *version))
        .map(|(_, found)| found)
}
