//! The proof that a blueprint is sound.

use std::sync::Arc;

use crate::blueprint::Blueprint;
use crate::diagnostic::Diagnostics;

/// A blueprint that passed the check, with its dependencies resolved. Only [`check`](super::check) makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    blueprint: Arc<Blueprint>,
    scope: Arc<CheckedScope>,
    warnings: Diagnostics,
}

impl Checked {
    pub(crate) fn new(blueprint: Arc<Blueprint>, scope: CheckedScope, warnings: Diagnostics) -> Self {
        Self { blueprint, scope: Arc::new(scope), warnings }
    }

    /// The blueprint.
    #[must_use]
    pub const fn blueprint(&self) -> &Arc<Blueprint> {
        &self.blueprint
    }

    /// The resolved structure of the top scope.
    #[must_use]
    pub fn scope(&self) -> &CheckedScope {
        &self.scope
    }

    /// What is probably not meant, though it can run.
    #[must_use]
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }
}

/// The resolved structure of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedScope {
    /// The nodes, in file order: as many as the blueprint has in this scope.
    pub nodes: Vec<CheckedNode>,
}

/// What a node depends on, and the structure of what is nested in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedNode {
    /// The nodes of the same scope that must be done first, as sorted indices, each once: those it names in
    /// `dependencies`, those its templates and mappings read, the condition it is a branch of, and all that of
    /// the nodes nested in it. Never a circle.
    pub dependencies: Vec<usize>,
    /// The nodes of enclosing scopes that this node or one nested in it depends on, sorted, each once. What
    /// encloses it depends on them as well, so they are done before it starts.
    pub outer: Vec<OuterNode>,
    /// The nodes of the same scope that a recursive node leads back to: its `recursive_sources`, sorted. It depends on
    /// them; that they, or what they wait for, depend on it in turn is not among their `dependencies`.
    pub back: Vec<usize>,
    /// The nodes of the same scope that a recursive node runs again with each iteration but the first, sorted: those it
    /// leads back to and all that lies between them and the node.
    pub repeats: Vec<usize>,
    /// The nested scopes, in the order of [`NodeKind::scopes`](crate::blueprint::NodeKind::scopes).
    pub scopes: Vec<CheckedScope>,
}

/// A node of an enclosing scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OuterNode {
    /// How many scopes outward: 1 is the scope around.
    pub levels: usize,
    /// The index of the node there.
    pub index: usize,
}
