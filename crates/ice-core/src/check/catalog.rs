//! The catalog while a blueprint is checked: looked up by name in constant time.

use std::collections::HashMap;

use crate::registry::{AgentDefinition, BlueprintSpec, Catalog, ProviderSpec};
use crate::tools::ToolSpec;

/// The newest of each name in a catalog.
#[derive(Debug)]
pub(super) struct Index<'c> {
    pub(super) catalog: &'c Catalog,
    tools: HashMap<&'c str, &'c ToolSpec>,
    providers: HashMap<&'c str, &'c ProviderSpec>,
    agents: HashMap<&'c str, &'c AgentDefinition>,
    blueprints: HashMap<&'c str, &'c BlueprintSpec>,
}

impl<'c> Index<'c> {
    pub(super) fn of(catalog: &'c Catalog) -> Self {
        let mut tools: HashMap<&str, &ToolSpec> = HashMap::new();
        for tool in &catalog.tools {
            let name = tool.name.as_str();
            let newest = tools.entry(name).or_insert(tool);
            // Releases are preferred, as where the tool is looked up to be called.
            if (newest.version.pre.is_empty(), &newest.version) < (tool.version.pre.is_empty(), &tool.version)
            {
                *newest = tool;
            }
        }
        Self {
            catalog,
            tools,
            providers: catalog.providers.iter().map(|spec| (spec.name.as_str(), spec)).collect(),
            agents: catalog.agents.iter().map(|agent| (agent.name.as_str(), agent)).collect(),
            blueprints: catalog.blueprints.iter().map(|spec| (spec.name.as_str(), spec)).collect(),
        }
    }

    pub(super) fn tool(&self, name: &str) -> Option<&'c ToolSpec> {
        self.tools.get(name).copied()
    }

    pub(super) fn provider(&self, name: &str) -> Option<&'c ProviderSpec> {
        self.providers.get(name).copied()
    }

    pub(super) fn agent(&self, name: &str) -> Option<&'c AgentDefinition> {
        self.agents.get(name).copied()
    }

    pub(super) fn blueprint(&self, name: &str) -> Option<&'c BlueprintSpec> {
        self.blueprints.get(name).copied()
    }
}
