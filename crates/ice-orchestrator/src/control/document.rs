//! A blueprint as text with everything it refers to, as clients send it.

use ice_core::blueprint::Format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The notation of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Whatever the text looks like.
    #[default]
    Auto,
}

impl From<Notation> for Format {
    fn from(notation: Notation) -> Self {
        match notation {
            Notation::Json => Self::Json,
            Notation::Yaml => Self::Yaml,
            Notation::Auto => Self::Auto,
        }
    }
}

impl From<Format> for Notation {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Yaml => Self::Yaml,
            Format::Auto => Self::Auto,
        }
    }
}

/// What is in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A blueprint.
    #[default]
    Blueprint,
    /// An agent, an [`AgentDefinition`](ice_core::registry::AgentDefinition).
    Agent,
    /// A network, a [`Network`](ice_core::network::Network): the first document, or none.
    Network,
}

impl DocumentKind {
    const fn is_blueprint(&self) -> bool {
        matches!(self, Self::Blueprint)
    }
}

/// A blueprint, an agent or a network as text, under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The name: the path of the file, relative to the folder of the first document, with `/` between its
    /// parts. A `workflow_ref` is read relative to the name of the document it stands in.
    pub name: String,
    /// The text, at most [`MAX_TEXT_BYTES`](ice_core::blueprint::MAX_TEXT_BYTES) bytes.
    pub text: String,
    /// The notation.
    #[serde(default)]
    pub notation: Notation,
    /// What is in it.
    #[serde(default, skip_serializing_if = "DocumentKind::is_blueprint")]
    pub kind: DocumentKind,
}

impl Document {
    /// A blueprint in the notation that the name's ending tells.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let name = name.into();
        let notation = Format::of_name(&name).into();
        Self { name, text: text.into(), notation, kind: DocumentKind::Blueprint }
    }

    /// A network in the notation that the name's ending tells.
    #[must_use]
    pub fn network(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind: DocumentKind::Network, ..Self::new(name, text) }
    }

    /// An agent in the notation that the name's ending tells.
    #[must_use]
    pub fn agent(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind: DocumentKind::Agent, ..Self::new(name, text) }
    }
}

/// The name that a reference means: relative to the document it stands in, `.` and `..` resolved. A `..`
/// that leads out of the first document's folder stays in front.
#[must_use]
pub fn resolve(document: &str, reference: &str) -> String {
    let absolute = reference.starts_with('/');
    let base = if absolute { "" } else { document.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let rooted = absolute || base.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(reference.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if rooted { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_relative_to_the_document_they_stand_in() {
        for (document, reference, expected) in [
            ("a.yaml", "b.yaml", "b.yaml"),
            ("a.yaml", "./sub//b.yaml", "sub/b.yaml"),
            ("sub/a.yaml", "b.yaml", "sub/b.yaml"),
            ("sub/a.yaml", "../b.yaml", "b.yaml"),
            ("sub/a.yaml", "../../b.yaml", "../b.yaml"),
            ("../x/a.yaml", "../../b.yaml", "../../b.yaml"),
            ("a.yaml", "/etc/../b.yaml", "/b.yaml"),
            ("/x/a.yaml", "../../../b.yaml", "/b.yaml"),
        ] {
            assert_eq!(resolve(document, reference), expected, "{document} {reference}");
        }
    }
}
