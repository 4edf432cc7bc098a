//! What a template refers to, known before it runs.

use std::fmt;
use std::sync::Arc;

use super::error::Place;

/// One step of a path: a key of a map or an index of a list.
///
/// Digits as a key also index a list, and an index also names the key of its digits: JSON keeps the two
/// apart, a person who writes a path does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A key, as in `.name` and `['name']`.
    Key(Arc<str>),
    /// An index, as in `.0`, `[0]` and `[-1]` (from the end).
    Index(i64),
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => index.fmt(f),
        }
    }
}

/// A name from outside that a template reads, with the part of its path that is known without running.
///
/// Names that the template binds itself (`for`, `set`, `with`) are no references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The root name; for `nodes['my-node'].x` it is `my-node`.
    pub name: Arc<str>,
    /// Whether the name was reached through `nodes`, and so can only be a node.
    pub through_nodes: bool,
    /// The static segments after the name; what is computed, as in `a[i]`, ends them.
    pub path: Vec<Segment>,
    /// Whether the template copes with the name's absence: it stands under `is defined`, `is undefined` or
    /// `default`, or the template asks elsewhere whether the name is defined, or binds it on some way.
    pub optional: bool,
    /// Where the reference stands.
    pub place: Place,
}
