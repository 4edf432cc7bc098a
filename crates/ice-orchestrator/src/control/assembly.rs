//! From documents to something that can be compiled: each is read, the references between them are resolved,
//! and all are checked against the same registry. Where further documents come from is the caller's matter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ice_core::blueprint::{KindName, Reading, read};
use ice_core::check::Checked;
use ice_core::diagnostic::Diagnostics;
use ice_core::document::{self, Problem};
use ice_core::error::ErrorCode;
use ice_core::network::{self, CheckedNetwork, Network, NetworkReading};
use ice_core::registry::{AgentDefinition, NamedBlueprint, Registry};

use super::document::{Document, DocumentKind, resolve};

/// The most documents one blueprint may consist of.
pub const MAX_DOCUMENTS: usize = 256;

/// Why a document that another one refers to is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The code.
    pub code: ErrorCode,
    /// Why, in one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub advice: Option<String>,
}

/// Documents that are being put together. The first one that is added is the blueprint itself.
#[derive(Debug)]
pub struct Assembly<'r> {
    registry: &'r Registry,
    parts: Vec<Part>,
    agents: Vec<AgentPart>,
    missing: BTreeMap<String, Missing>,
    /// What the first document is, if it is a network.
    network: Option<Option<Network>>,
}

/// A document that was read.
#[derive(Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What was read.
    pub reading: Reading,
    /// What is wrong with it, warnings included.
    pub diagnostics: Diagnostics,
    /// The documents it refers to.
    links: BTreeSet<String>,
}

/// A document of an agent that was read.
#[derive(Debug)]
pub struct AgentPart {
    /// Its name.
    pub name: String,
    /// What was read.
    pub reading: document::Reading<AgentDefinition>,
}

/// Documents that were put together and checked.
#[derive(Debug)]
pub struct Assembled {
    /// The documents, the blueprint itself first.
    pub parts: Vec<Part>,
    /// The agents that came with them.
    pub agents: Vec<AgentPart>,
    /// The blueprint; nothing if anything is wrong with any of the documents. Of a network, all its workflows.
    pub checked: Option<Checked>,
    /// The network, if the first document is one and nothing is wrong.
    pub network: Option<CheckedNetwork>,
    /// The registry with the other documents in it.
    pub registry: Registry,
}

impl Assembled {
    /// What is wrong with each document, those with nothing to say left out.
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostics> {
        let of_agents = self.agents.iter().map(|agent| &agent.reading.diagnostics);
        let all = self.parts.iter().map(|part| &part.diagnostics).chain(of_agents);
        all.filter(|found| !found.is_empty()).cloned().collect()
    }
}

impl<'r> Assembly<'r> {
    /// Nothing yet. References that name a blueprint in the registry need no document.
    #[must_use]
    pub const fn new(registry: &'r Registry) -> Self {
        Self { registry, parts: Vec::new(), agents: Vec::new(), missing: BTreeMap::new(), network: None }
    }

    /// Reads a document and gives the names of those it refers to that are not there yet, sorted.
    pub fn add(&mut self, document: &Document) -> Vec<String> {
        match document.kind {
            DocumentKind::Blueprint => {
                self.add_reading(document, read(&document.text, document.notation.into(), &document.name))
            }
            DocumentKind::Network => {
                let read = network::read(&document.text, document.notation.into(), &document.name);
                if self.parts.is_empty() {
                    self.network = Some(read.network);
                }
                self.add_reading(document, read.blueprint)
            }
            DocumentKind::Agent => {
                let Document { name, text, notation, .. } = document;
                let reading = AgentDefinition::read(text, (*notation).into(), name);
                self.agents.push(AgentPart { name: name.clone(), reading });
                Vec::new()
            }
        }
    }

    /// The names of the agents that the blueprints and agents so far let work, sorted, whether they are there or not.
    #[must_use]
    pub fn agents(&self) -> BTreeSet<String> {
        let of_blueprints = self.parts.iter().flat_map(|part| part.reading.agents());
        let read = self.agents.iter().filter_map(|agent| agent.reading.value.as_ref());
        let of_agents = read.flat_map(|agent| agent.agents.iter().cloned());
        of_blueprints.chain(of_agents).collect()
    }

    fn add_reading(&mut self, document: &Document, mut reading: Reading) -> Vec<String> {
        let mut links = BTreeSet::new();
        reading.relink(&mut |reference| {
            if reference.trim().is_empty()
                || reference.contains("{{")
                || self.registry.blueprints.contains(reference, None)
            {
                return reference.to_owned();
            }
            let name = resolve(&document.name, reference);
            links.insert(name.clone());
            name
        });
        let wanted =
            links.iter().filter(|name| !self.has(name) && **name != document.name).cloned().collect();
        let diagnostics = reading.diagnostics.clone();
        self.parts.push(Part { name: document.name.clone(), reading, diagnostics, links });
        wanted
    }

    /// States that a document which another one refers to cannot be had.
    pub fn miss(&mut self, name: &str, why: Missing) {
        self.missing.insert(name.to_owned(), why);
    }

    /// Whether a document is there, or known to be missing.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.missing.contains_key(name) || self.parts.iter().any(|part| part.name == name)
    }

    /// Whether there is no room for a further document.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.parts.len() + self.agents.len() >= MAX_DOCUMENTS
    }

    /// Checks everything, with the kinds of node that can be executed.
    #[must_use]
    pub fn check(self, kinds: &[KindName]) -> Assembled {
        let Self { registry, mut parts, mut agents, mut missing, mut network } = self;
        let mut sound_network = None;
        let mut registry = registry.clone();
        for agent in &mut agents {
            if let Some(definition) = agent.reading.value.clone()
                && let Err(error) = registry.agents.register(Arc::new(definition))
            {
                agent.reading.refuse("name", Problem::new(error.code(), error.to_string()));
            }
        }
        let mut catalog = registry.catalog(kinds);
        // So that a document which refers to the first one is told of the circle.
        catalog.blueprints.extend(parts.first().and_then(|part| part.reading.spec(&part.name)));
        for part in parts.iter_mut().skip(1) {
            match (part.reading.spec(&part.name), &part.reading.blueprint) {
                (Some(spec), Some(blueprint)) => {
                    let named = NamedBlueprint::new(part.name.as_str(), Arc::clone(blueprint));
                    match registry.blueprints.register(named) {
                        Ok(()) => catalog.blueprints.push(spec),
                        Err(error) => drop(missing.insert(
                            part.name.clone(),
                            Missing { code: error.code(), message: error.to_string(), advice: None },
                        )),
                    }
                }
                // What is wrong with it is told where it is wrong, not where it is referred to.
                (Some(spec), None) => catalog.blueprints.push(spec),
                (None, _) => drop(missing.insert(
                    part.name.clone(),
                    Missing {
                        code: ErrorCode::UnknownBlueprint,
                        message: format!("the blueprint `{}` cannot be read", part.name),
                        advice: Some("see what is said of that file".to_owned()),
                    },
                )),
            }
        }
        let mut root = None;
        for (at, part) in parts.iter_mut().enumerate() {
            let checked = match network.take() {
                Some(network) => NetworkReading { network, blueprint: part.reading.clone() }
                    .check(&catalog)
                    .map(|network| sound_network.insert(network).checked.clone()),
                None => part.reading.check(&catalog),
            };
            part.diagnostics = match checked {
                Ok(checked) => {
                    let warnings = checked.warnings().clone();
                    if at == 0 {
                        root = Some(checked);
                    }
                    warnings
                }
                Err(diagnostics) => diagnostics,
            };
            explain(&mut part.diagnostics, &part.links, &missing);
        }
        let sound = !parts.iter().any(|part| part.diagnostics.has_errors())
            && !agents.iter().any(|agent| agent.reading.diagnostics.has_errors());
        let network = sound_network.filter(|_| sound);
        Assembled { parts, agents, checked: root.filter(|_| sound), network, registry }
    }
}

/// Says why a blueprint that is referred to is not there, instead of only that it is not.
fn explain(diagnostics: &mut Diagnostics, links: &BTreeSet<String>, missing: &BTreeMap<String, Missing>) {
    diagnostics.for_each(|diagnostic| {
        if diagnostic.code == ErrorCode::UnknownBlueprint {
            let named = links.iter().find(|name| diagnostic.message.contains(&format!("`{name}`")));
            if let Some(why) = named.and_then(|name| missing.get(name)) {
                diagnostic.code = why.code;
                diagnostic.message.clone_from(&why.message);
                diagnostic.advice.clone_from(&why.advice);
            }
        }
    });
}
