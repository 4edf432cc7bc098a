//! What the registry holds: tools, providers, embedders, agents and blueprints, each with its key and its equality.

use std::fmt;
use std::sync::Arc;

use semver::Version;

use super::{AgentDefinition, RegisteredCode};
use crate::blueprint::Blueprint;
use crate::embedding::Embedder;
use crate::llm::LlmProvider;
use crate::tools::Tool;

/// Something a [`Collection`](super::Collection) holds. Clones must be cheap.
pub trait Entry: Clone + fmt::Debug + Send + Sync {
    /// The kind of thing, for messages.
    const WHAT: &'static str;
    /// The rule for names, for messages.
    const NAME_RULE: &'static str;

    /// The name.
    fn name(&self) -> &str;

    /// The version; nothing for kinds that have none.
    fn version(&self) -> Option<&Version>;

    /// Whether this is the same thing as another under the same key.
    fn is_same(&self, other: &Self) -> bool;

    /// Whether a name follows the rule.
    fn is_name(name: &str) -> bool;
}

fn is_word(name: &str, max: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    name.len() <= max && name.bytes().next().is_some_and(first) && name.bytes().all(rest)
}

impl Entry for Arc<dyn Tool> {
    const WHAT: &'static str = "tool";
    const NAME_RULE: &'static str = "a lower-case letter, then lower-case letters, digits and `_`, optionally `namespace.name`, at most 64";

    fn name(&self) -> &str {
        &self.spec().name
    }

    fn version(&self) -> Option<&Version> {
        Some(&self.spec().version)
    }

    /// The same object, or one that says exactly the same of itself.
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Self::as_ptr(self), Self::as_ptr(other)) || self.spec() == other.spec()
    }

    fn is_name(name: &str) -> bool {
        let word = |part: &str| {
            is_word(
                part,
                64,
                |b| b.is_ascii_lowercase(),
                |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_',
            )
        };
        name.len() <= 64 && name.split('.').count() <= 2 && name.split('.').all(word)
    }
}

impl Entry for Arc<dyn LlmProvider> {
    const WHAT: &'static str = "provider";
    const NAME_RULE: &'static str =
        "a lower-case letter, then lower-case letters, digits, `_`, `-` and `.`, at most 64";

    fn name(&self) -> &str {
        (**self).name()
    }

    fn version(&self) -> Option<&Version> {
        None
    }

    /// The same object.
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Self::as_ptr(self), Self::as_ptr(other))
    }

    fn is_name(name: &str) -> bool {
        is_word(
            name,
            64,
            |b| b.is_ascii_lowercase(),
            |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b),
        )
    }
}

impl Entry for Arc<dyn Embedder> {
    const WHAT: &'static str = "embedder";
    const NAME_RULE: &'static str = <Arc<dyn LlmProvider> as Entry>::NAME_RULE;

    fn name(&self) -> &str {
        (**self).name()
    }

    fn version(&self) -> Option<&Version> {
        None
    }

    /// The same object.
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Self::as_ptr(self), Self::as_ptr(other))
    }

    fn is_name(name: &str) -> bool {
        <Arc<dyn LlmProvider> as Entry>::is_name(name)
    }
}

impl Entry for Arc<AgentDefinition> {
    const WHAT: &'static str = "agent";
    const NAME_RULE: &'static str = "a letter or `_`, then letters, digits, `_`, `-` and `.`, at most 128";

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<&Version> {
        Some(&self.version)
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn is_name(name: &str) -> bool {
        is_word(
            name,
            128,
            |b| b.is_ascii_alphabetic() || b == b'_',
            |b| b.is_ascii_alphanumeric() || b"_-.".contains(&b),
        )
    }
}

impl Entry for Arc<RegisteredCode> {
    const WHAT: &'static str = "code";
    const NAME_RULE: &'static str = <Arc<AgentDefinition> as Entry>::NAME_RULE;

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<&Version> {
        Some(&self.version)
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn is_name(name: &str) -> bool {
        <Arc<AgentDefinition> as Entry>::is_name(name)
    }
}

/// A blueprint under the name that a `workflow_ref` uses: a plain name, or a path relative to the file that
/// refers to it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedBlueprint {
    /// The name, exactly as `workflow_ref` has it.
    pub name: Arc<str>,
    /// The blueprint.
    pub blueprint: Arc<Blueprint>,
}

impl NamedBlueprint {
    /// A blueprint under a name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, blueprint: impl Into<Arc<Blueprint>>) -> Self {
        Self { name: name.into(), blueprint: blueprint.into() }
    }
}

impl Entry for NamedBlueprint {
    const WHAT: &'static str = "blueprint";
    const NAME_RULE: &'static str = "1 to 1024 bytes without control characters or blanks at the ends";

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<&Version> {
        None
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn is_name(name: &str) -> bool {
        (1..=1_024).contains(&name.len()) && name.trim() == name && !name.contains(char::is_control)
    }
}
