//! From documents to something that can be compiled: each is read, the references between them are resolved,
//! and all are checked against the same registry. Where further documents come from is the caller's matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use ice_core::blueprint::{Blueprint, KindName, Node, NodeKind, Reading, read};
use ice_core::check::Checked;
use ice_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use ice_core::error::ErrorCode;
use ice_core::registry::{BlueprintSpec, NamedBlueprint, Registry};

use super::document::{Document, resolve};

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
    missing: BTreeMap<String, Missing>,
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
    /// The names in the registry that its references were given.
    links: Vec<String>,
}

/// Documents that were put together and checked.
#[derive(Debug)]
pub struct Assembled {
    /// The documents, the blueprint itself first.
    pub parts: Vec<Part>,
    /// The blueprint, if nothing is wrong with any of them.
    pub checked: Option<Checked>,
    /// The registry with the other documents in it.
    pub registry: Registry,
}

impl Assembled {
    /// Whether anything is wrong.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.parts.iter().any(|part| part.diagnostics.has_errors())
    }
}

impl<'r> Assembly<'r> {
    /// Nothing yet. References that name a blueprint in the registry need no document.
    #[must_use]
    pub const fn new(registry: &'r Registry) -> Self {
        Self { registry, parts: Vec::new(), missing: BTreeMap::new() }
    }

    /// Reads a document and gives the names of those it refers to that are not there yet.
    pub fn add(&mut self, document: &Document) -> Vec<String> {
        let mut reading = read(&document.text, document.notation.into(), &document.name);
        let mut links = Vec::new();
        if let Some(blueprint) = &mut reading.blueprint {
            let mut changes = false;
            visit(&blueprint.nodes, &mut |reference| {
                changes |= self.link(&document.name, reference, &mut links) != reference;
            });
            if changes {
                rewrite(&mut Arc::make_mut(blueprint).nodes, &|reference| {
                    self.link(&document.name, reference, &mut Vec::new())
                });
            }
        }
        let diagnostics = reading.diagnostics.clone();
        self.parts.push(Part { name: document.name.clone(), reading, diagnostics, links: links.clone() });
        links.retain(|name| !self.has(name));
        links.sort_unstable();
        links.dedup();
        links
    }

    /// States that a document which another one refers to cannot be had.
    pub fn miss(&mut self, name: &str, why: Missing) {
        self.missing.insert(name.to_owned(), why);
    }

    /// Whether there is no room for a further document.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.parts.len() >= MAX_DOCUMENTS
    }

    fn has(&self, name: &str) -> bool {
        self.missing.contains_key(name)
            || self.registry.blueprints.contains(name, None)
            || self.parts.iter().any(|part| part.name == name)
    }

    /// The name in the registry for a reference.
    fn link(&self, document: &str, reference: &str, links: &mut Vec<String>) -> String {
        if self.registry.blueprints.contains(reference, None) {
            return reference.to_owned();
        }
        let name = resolve(document, reference);
        links.push(name.clone());
        name
    }

    /// Checks everything, with the kinds of node that can be executed.
    #[must_use]
    pub fn check(self, kinds: &[KindName]) -> Assembled {
        let Self { registry, mut parts, missing } = self;
        let mut registry = registry.clone();
        for part in parts.iter_mut().skip(1) {
            let Some(blueprint) = &part.reading.blueprint else { continue };
            let named = NamedBlueprint::new(part.name.as_str(), Arc::clone(blueprint));
            if let Err(error) = registry.blueprints.register(named) {
                part.diagnostics.push(Diagnostic::new(error.code(), Severity::Error, error.to_string()));
            }
        }
        let mut catalog = registry.catalog(kinds);
        // What can be read but not used is told where it is wrong, not where it is referred to.
        for part in parts.iter().skip(1).filter(|part| part.reading.blueprint.is_none()) {
            if let Some(any) = Blueprint::placeholder(&part.name) {
                catalog.blueprints.push(BlueprintSpec::of(&part.name, &any));
            }
        }
        let mut root = None;
        for (at, part) in parts.iter_mut().enumerate() {
            match part.reading.check(&catalog) {
                Ok(checked) => {
                    part.diagnostics = checked.warnings().clone();
                    if at == 0 {
                        root = Some(checked);
                    }
                }
                Err(diagnostics) => part.diagnostics = diagnostics,
            }
            explain(part, &missing);
        }
        let assembled = Assembled { parts, checked: root, registry };
        if assembled.has_errors() { Assembled { checked: None, ..assembled } } else { assembled }
    }
}
