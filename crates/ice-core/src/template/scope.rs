//! What a template may read, and how much it may spend.

use std::sync::Arc;

use crate::value::Value;

/// The names a template can read. Values are shared, so a look-up must not copy.
pub trait Scope {
    /// The value of a name: a loop variable, an input mapping, a node's output, `inputs`.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// The output of a node, for `nodes['my-node']`. The default asks [`lookup`](Self::lookup).
    fn lookup_node(&self, id: &str) -> Option<Value> {
        self.lookup(id)
    }

    /// All names in scope, for advice on a name that is not.
    fn names(&self) -> Vec<Arc<str>>;
}

impl Scope for crate::value::Map {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.get(name).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.keys().cloned().collect()
    }
}

/// What one evaluation may spend. Beyond it stands `TEMPLATE_TOO_LARGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions of the template, and apart from them, as many units of work in its operations: one
    /// per item of a list or map that is visited, one per 256 bytes of text that are read.
    pub steps: u64,
    /// Bytes of everything that is built on the way, results and what leads to them together. Values that
    /// already exist are shared and cost nothing.
    pub bytes: usize,
}

impl Limits {
    /// The defaults: a million steps (well under a second), 16 MiB.
    pub const DEFAULT: Self = Self { steps: 1_000_000, bytes: 16 << 20 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
