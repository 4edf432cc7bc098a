//! The scopes around a node while it is checked: what names mean, and who depends on whom.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use super::OuterNode;
use crate::blueprint::{Node, NodeKind};
use crate::diagnostic::Trail;

/// A scope while it is checked.
#[derive(Debug)]
pub(super) struct Frame<'f> {
    pub(super) nodes: &'f [Node],
    /// The first node of each id.
    pub(super) index: HashMap<&'f str, usize>,
    pub(super) parent: Option<&'f Frame<'f>>,
    /// The index of the node in the parent that this scope is nested in.
    pub(super) container: usize,
    /// The number of this scope in its node, and its name in paths.
    pub(super) number: usize,
    pub(super) name: Option<&'static str>,
    /// The names that are set for every repetition or branch.
    pub(super) variables: Vec<&'f str>,
    /// The names under which the recursive nodes of this scope carry along what they have.
    pub(super) contexts: Vec<&'f str>,
    /// The way to the node around.
    pub(super) trail: &'f Trail<'f>,
    /// Per node, what it depends on in this scope.
    pub(super) edges: RefCell<Vec<BTreeSet<usize>>>,
    /// Per node, what it depends on in enclosing scopes.
    pub(super) outer: RefCell<Vec<BTreeSet<OuterNode>>>,
}

/// What a name means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'f> {
    /// A loop variable or the like.
    Variable,
    /// An input mapping of the node itself.
    Mapping,
    /// A node, so many scopes outward.
    Node { levels: usize, index: usize, node: &'f Node },
    /// The inputs of the run.
    Inputs,
}

impl<'f> Frame<'f> {
    pub(super) fn top(nodes: &'f [Node], trail: &'f Trail<'f>) -> Self {
        Self::of(nodes, trail, None, 0, 0, None, Vec::new())
    }

    pub(super) fn nested(
        &'f self,
        container: usize,
        (number, name, nodes): (usize, &'static str, &'f [Node]),
        variables: Vec<&'f str>,
        trail: &'f Trail<'f>,
    ) -> Frame<'f> {
        Frame::of(nodes, trail, Some(self), container, number, Some(name), variables)
    }

    fn of(
        nodes: &'f [Node],
        trail: &'f Trail<'f>,
        parent: Option<&'f Frame<'f>>,
        container: usize,
        number: usize,
        name: Option<&'static str>,
        variables: Vec<&'f str>,
    ) -> Self {
        let mut index = HashMap::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            index.entry(node.id.as_str()).or_insert(at);
        }
        let edges = RefCell::new(vec![BTreeSet::new(); nodes.len()]);
        let outer = RefCell::new(vec![BTreeSet::new(); nodes.len()]);
        let context = |node: &'f Node| {
            if let NodeKind::Recursive(node) = &node.kind { Some(node.context_key.as_str()) } else { None }
        };
        let contexts = nodes.iter().filter_map(context).collect();
        Self { nodes, index, parent, container, number, name, variables, contexts, trail, edges, outer }
    }

    /// This scope and those around it, from the inside out.
    pub(super) fn outward(&self) -> impl Iterator<Item = &Frame<'f>> {
        std::iter::successors(Some(self), |frame| frame.parent)
    }

    /// The number of scopes around this one.
    pub(super) fn depth(&self) -> usize {
        self.outward().count() - 1
    }

    /// What a name means to a node: loop variables first, then its input mappings, nodes outward, `inputs`.
    pub(super) fn resolve(&self, at: usize, name: &str) -> Option<Name<'f>> {
        // Reserved: whatever else wrongly has this name does not hide them.
        if name == "inputs" {
            return Some(Name::Inputs);
        }
        // Who may read the context of a recursive node is known once all that is read is.
        if self.outward().any(|frame| frame.variables.contains(&name) || frame.contexts.contains(&name)) {
            return Some(Name::Variable);
        }
        if !self.is_selected(at, name) {
            return None;
        }
        if self.nodes.get(at).is_some_and(|node| node.base.input_mappings.contains_key(name)) {
            return Some(Name::Mapping);
        }
        self.find(name)
    }

    /// Whether a node's `input_selection` lets a name in.
    pub(super) fn is_selected(&self, at: usize, name: &str) -> bool {
        let selection = self.nodes.get(at).and_then(|node| node.base.input_selection.as_ref());
        selection.is_none_or(|names| names.iter().any(|selected| selected == name))
    }

    /// The node of this id, in this scope or one around it.
    pub(super) fn find(&self, id: &str) -> Option<Name<'f>> {
        self.outward().enumerate().find_map(|(levels, frame)| {
            let index = *frame.index.get(id)?;
            Some(Name::Node { levels, index, node: frame.nodes.get(index)? })
        })
    }

    /// The names a node may have meant.
    pub(super) fn names(&self, at: usize) -> Vec<&str> {
        let own = self.nodes.get(at);
        let mappings = own.into_iter().flat_map(|node| node.base.input_mappings.keys().map(String::as_str));
        let scopes = self.outward().flat_map(|frame| {
            let named = frame.nodes.iter().filter(|node| !node.id.is_unnamed());
            frame.variables.iter().copied().chain(named.map(|node| node.id.as_str()))
        });
        let own_id = own.map(|node| node.id.as_str());
        let mut names: Vec<&str> = mappings.chain(scopes).filter(|name| Some(*name) != own_id).collect();
        names.push("inputs");
        names
    }

    /// Notes that a node depends on another, which may stand in a scope around it: then what contains the node
    /// there depends on it too.
    ///
    /// Tells whether the other is the node itself (false) or contains it (true).
    pub(super) fn depend(&self, at: usize, levels: usize, index: usize) -> Result<(), InOwnBody> {
        let mut from = at;
        for (level, frame) in self.outward().enumerate() {
            if level == levels {
                if from == index {
                    return Err(InOwnBody { nested: levels > 0 });
                }
                if let Some(edges) = frame.edges.borrow_mut().get_mut(from) {
                    edges.insert(index);
                }
                return Ok(());
            }
            if let Some(outer) = frame.outer.borrow_mut().get_mut(from) {
                outer.insert(OuterNode { levels: levels - level, index });
            }
            from = frame.container;
        }
        Ok(())
    }
}

/// A node depends on itself or on what it is nested in.
#[derive(Clone, Copy, Debug)]
pub(super) struct InOwnBody {
    pub(super) nested: bool,
}
