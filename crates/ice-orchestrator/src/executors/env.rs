//! What the templates of a node see.

use std::sync::Arc;

use ice_core::template::{Limits, Scope};
use ice_core::value::Value;

use crate::journal::RunOptions;

/// The names that the scopes around a node hold.
pub(crate) trait Names {
    /// The value of a loop variable or another name that a container binds, innermost first.
    fn bound(&self, name: &str) -> Option<Value>;
    /// All that containers bind, outermost first: of two of the same name the later one counts.
    fn bindings(&self) -> Vec<(Arc<str>, Value)>;
    /// The output of a node that is done, here or further out.
    fn node_value(&self, id: &str) -> Option<Value>;
    /// All names, for advice.
    fn all(&self) -> Vec<Arc<str>>;
}

/// What the templates of one node see, in this order: loop variables, input mappings, ids outward, `inputs`.
pub(crate) struct Env<'s> {
    pub(crate) names: &'s dyn Names,
    /// The resolved input mappings.
    pub(crate) mapped: Vec<(Arc<str>, Value)>,
    /// The only names of mappings and nodes that are in scope, if the node says so.
    pub(crate) selection: Option<&'s [Arc<str>]>,
    /// The inputs of the blueprint this node belongs to.
    pub(crate) inputs: &'s Value,
    /// The bounds the run was started with.
    pub(crate) options: &'s RunOptions,
    pub(crate) limits: Limits,
}

impl Env<'_> {
    /// Puts a name before all others but loop variables.
    pub(crate) fn bind(&mut self, name: Arc<str>, value: Value) {
        self.mapped.retain(|(known, _)| *known != name);
        self.mapped.push((name, value));
    }
}

impl Scope for Env<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.names.bound(name) {
            return Some(value);
        }
        if name != "inputs" && self.selection.is_some_and(|names| !names.iter().any(|known| &**known == name))
        {
            return None;
        }
        if let Some((_, value)) = self.mapped.iter().find(|(mapped, _)| &**mapped == name) {
            return Some(value.clone());
        }
        match name {
            "inputs" => Some(self.inputs.clone()),
            id => self.names.node_value(id),
        }
    }

    fn lookup_node(&self, id: &str) -> Option<Value> {
        self.names.node_value(id)
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.mapped.iter().map(|(name, _)| Arc::clone(name)).collect();
        names.extend(self.names.all());
        names.push(Arc::from("inputs"));
        names
    }
}
