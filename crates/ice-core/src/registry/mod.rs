//! The registry: which tools, providers, embedders, agents, blueprints and code there are, and the catalog, its view as data.
//!
//! A [`Registry`] is a value that is passed in, never a global. Each of its six collections offers the same
//! five calls: `register`, `get`, `list`, `contains` and `remove`.

mod agent;
mod catalog;
mod code;
mod collection;
mod entry;
mod error;
#[expect(clippy::module_inception, reason = "the noun of the module is the registry itself")]
mod registry;
#[cfg(test)]
mod tests;

pub use crate::near::near_names;
pub use agent::AgentDefinition;
pub use catalog::{BlueprintSpec, Catalog, CodeSpec, EmbedderSpec, InterpreterSpec, ProviderSpec};
pub use code::{CodeBody, RegisteredCode};
pub use collection::Collection;
pub use entry::{Entry, NamedBlueprint};
pub use error::RegistryError;
pub use registry::Registry;
