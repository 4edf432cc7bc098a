//! The manifest of a tool: a file that makes a tool of a command.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use ice_core::blueprint::Format;
use ice_core::document::{self, Object, Reading};
use ice_core::manifest::{ManifestGrants, WrittenLimits, write_limits};
use ice_core::process::{Limits, Profile, SecretDelivery};
use ice_core::tools::{Capability, Effect, ToolSpec};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::Serialize;

/// A tool that is a command: it reads one JSON value from standard input and writes one to standard output, in a cage.
///
/// ```
/// use std::path::Path;
///
/// use ice_core::blueprint::Format;
/// use ice_orchestrator::process::ToolManifest;
///
/// let text = "
/// name: word_count
/// version: 1.0.0
/// description: Counts the words of a text.
/// command: [python3, ./word_count.py]
/// profile: python
/// effect: pure
/// input_schema: {text: str}
/// output_schema: {words: int}
/// limits: {wall: 10s}
/// ";
/// let reading = ToolManifest::read(text, Format::Yaml, "word_count.yaml", Path::new("/tools"));
/// let manifest = reading.value.unwrap();
/// assert_eq!(manifest.command, ["python3", "/tools/word_count.py"]);
/// assert_eq!(manifest.limits.wall_ms, Some(10_000));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolManifest {
    /// The name that blueprints use: `[a-z][a-z0-9_]*`, optionally `namespace.name`.
    pub name: String,
    /// The version, for example `1.0.0`; runs pin its major part.
    #[schemars(with = "String")]
    pub version: semver::Version,
    /// What it does, in a sentence or two, for people and models.
    pub description: String,
    /// The program and its arguments. What begins with `./` lies in the manifest's folder; a program without a folder is
    /// one of the system.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// What kind of program it is, which decides what it is given of the system to run at all.
    #[serde(default)]
    pub profile: Profile,
    /// What a call does to the world at most, which decides what happens after a crash.
    #[serde(default)]
    pub effect: Effect,
    /// Which of the run's grants it is given: those of files to read, of files to write, of hosts. None by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// The JSON Schema of its input, or fields with types: `{text: str}`. Any object by default.
    #[serde(default = "any_object")]
    pub input_schema: Value,
    /// The JSON Schema of its output, or fields with types. Any value by default.
    #[serde(default = "Value::empty_map")]
    pub output_schema: Value,
    /// What it may touch in every run, given by whoever installed the manifest.
    #[serde(default)]
    pub grants: ManifestGrants,
    /// The variables of its environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The secrets of the run that it is given, and how: in a file or in a variable. A run that calls it is not
    /// started without them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretDelivery>,
    /// How much one call may use.
    #[serde(default, serialize_with = "write_limits")]
    #[schemars(with = "WrittenLimits")]
    pub limits: Limits,
}

impl ToolManifest {
    /// Reads a manifest from JSON or YAML: every problem at once, each with its position. `name` is what diagnostics call
    /// the text, for example its file name; `folder` is the absolute path of the folder that it lies in, without links.
    ///
    /// What is read has absolute paths only, whole schemas, and the manifest's folder among its grants.
    #[must_use]
    pub fn read(text: &str, format: Format, name: &str, folder: &Path) -> Reading<Self> {
        document::read(text, format, name, "manifest", |object| read::tool(object, folder))
    }

    /// Reads the fields of a manifest that lies in `folder`, as [`read`](Self::read) does.
    pub fn of(object: &mut Object<'_, '_>, folder: &Path) -> Self {
        read::tool(object, folder)
    }

    /// What the tool says of itself.
    #[must_use]
    pub fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            input_schema: self.input_schema.clone(),
            output_schema: self.output_schema.clone(),
            effect: self.effect,
            capabilities: self.capabilities.clone(),
        }
    }
}

/// The arguments of a tool are an object, whatever it makes of them.
fn any_object() -> Value {
    Value::map([("type", Value::from("object"))])
}
