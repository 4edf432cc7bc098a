//! The registry: one collection per kind of thing.

use std::sync::Arc;

use super::{
    AgentDefinition, BlueprintSpec, Catalog, CodeSpec, Collection, EmbedderSpec, Entry, InterpreterSpec,
    NamedBlueprint, ProviderSpec, RegisteredCode,
};
use crate::alert::Alerts;
use crate::blueprint::KindName;
use crate::embedding::Embedder;
use crate::llm::LlmProvider;
use crate::tools::Tool;

/// The tools, providers, embedders, agents, blueprints and code that runs may use. Cheap to clone; a clone is independent.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Tools, by name and version.
    pub tools: Collection<Arc<dyn Tool>>,
    /// Providers of language models, by name.
    pub providers: Collection<Arc<dyn LlmProvider>>,
    /// Embedders, by name.
    pub embedders: Collection<Arc<dyn Embedder>>,
    /// Agents that are data, by name and version.
    pub agents: Collection<Arc<AgentDefinition>>,
    /// Blueprints that others run, by the name in `workflow_ref`.
    pub blueprints: Collection<NamedBlueprint>,
    /// Code that nodes name instead of holding it, by name and version.
    pub code: Collection<Arc<RegisteredCode>>,
    /// Who takes the alerts of monitors on to people.
    pub alerts: Alerts,
    /// The interpreters that run source; absent if it is not known which there are.
    pub interpreters: Option<Vec<InterpreterSpec>>,
}

impl Registry {
    /// The registry as data, with the kinds of node that can be executed.
    #[must_use]
    pub fn catalog(&self, kinds: &[KindName]) -> Catalog {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        Catalog {
            tools: self.tools.list().map(|tool| tool.spec().clone()).collect(),
            providers: self
                .providers
                .list()
                .map(|provider| ProviderSpec { name: provider.name().to_owned(), models: provider.models() })
                .collect(),
            embedders: self.embedders.list().map(|embedder| EmbedderSpec::of(&**embedder)).collect(),
            agents: self.agents.list().map(|agent| (**agent).clone()).collect(),
            blueprints: self
                .blueprints
                .list()
                .map(|entry| BlueprintSpec::of(entry.name(), &entry.blueprint))
                .collect(),
            interpreters: self.interpreters.clone(),
            alert_channels: Some(self.alerts.channels().collect()),
            code: self.code.list().map(|code| CodeSpec::of(code)).collect(),
            kinds,
        }
    }
}
