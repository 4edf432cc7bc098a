//! What a tool says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Effect;
use crate::value::Value;

/// What a tool needs of the machine, beyond computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Reads files within granted folders.
    ReadFiles,
    /// Writes files within granted folders.
    WriteFiles,
    /// Opens connections to granted hosts.
    Network,
    /// Asks for the time or for randomness.
    Nondeterminism,
    /// Reads or writes granted scopes of memory, by way of the engine.
    Memory,
}

/// What a tool says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolSpec {
    /// The name blueprints use: `[a-z][a-z0-9_]*`, optionally `namespace.name`.
    pub name: String,
    /// The version; runs pin its major part.
    #[schemars(with = "String")]
    pub version: semver::Version,
    /// What it does, in a sentence or two, for people and models.
    pub description: String,
    /// The JSON Schema (draft 2020-12) of its input.
    pub input_schema: Value,
    /// The JSON Schema of its output.
    pub output_schema: Value,
    /// The upper bound of what a call does to the world.
    pub effect: Effect,
    /// What it needs of the machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
}

impl ToolSpec {
    /// Whether it touches files or the network.
    #[must_use]
    pub fn reaches_outside(&self) -> bool {
        self.capabilities.iter().any(|capability| match capability {
            Capability::ReadFiles | Capability::WriteFiles | Capability::Network => true,
            Capability::Nondeterminism | Capability::Memory => false,
        })
    }
}
