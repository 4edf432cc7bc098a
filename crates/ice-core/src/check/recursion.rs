//! The one legal kind of circle: through a recursive node and its sources. Where it is cut, which nodes are run again, and who
//! may read what is carried from one iteration to the next.

use std::collections::BTreeSet;

use super::frame::Frame;
use super::names::names;
use super::variables;
use super::walk::Checker;
use crate::blueprint::{Node, NodeKind, RecursiveNode};
use crate::diagnostic::{Finding, Trail, did_you_mean};
use crate::error::ErrorCode;

/// The most nodes that the recursive nodes of one scope run again, each counted once for each of them.
pub const MAX_REPEATED: usize = 20_000;

/// A recursive node and its sources, as indices of its scope.
pub(super) struct Circle<'b> {
    pub(super) node: usize,
    pub(super) sources: &'b [usize],
}

/// Cuts the circles that lead through the sources of a recursive node where they come back to it: a source, and what stands
/// between it and the node on the way back, runs once before there is anything to come back with. Gives, per circle, the nodes
/// that were cut off.
///
/// Circles that avoid the sources stay.
pub(super) fn cut(edges: &mut [BTreeSet<usize>], circles: &[Circle<'_>]) -> Vec<Vec<usize>> {
    let mut ends: Vec<Vec<usize>> = Vec::with_capacity(circles.len());
    // What sources read themselves first: ways that lead through several recursive nodes are then open.
    for circle in circles {
        let mut back = Vec::new();
        for source in circle.sources {
            if edges.get_mut(*source).is_some_and(|edges| edges.remove(&circle.node)) {
                back.push(*source);
            }
        }
        ends.push(back);
    }
    for (circle, back) in circles.iter().zip(&mut ends) {
        let before = reach(edges, &[circle.node], &|_| true);
        let leads_back = |at: &usize| edges.get(*at).is_some_and(|edges| edges.contains(&circle.node));
        let further: Vec<usize> = before.iter().copied().filter(leads_back).collect();
        if further.is_empty() {
            continue;
        }
        let past = reach(edges, &[circle.node], &|at| !circle.sources.contains(&at));
        for at in further.into_iter().filter(|at| !past.contains(at)) {
            if edges.get_mut(at).is_some_and(|edges| edges.remove(&circle.node)) {
                back.push(at);
            }
        }
    }
    ends
}

/// The nodes that a recursive node runs again, ascending: its sources, what led back to it, and what lies between these and
/// the node.
pub(super) fn repeated(edges: &[BTreeSet<usize>], circle: &Circle<'_>, ends: &[usize]) -> Vec<usize> {
    let before = reach(edges, &[circle.node], &|_| true);
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (at, edges) in edges.iter().enumerate().filter(|(at, _)| before.contains(at)) {
        for edge in edges {
            if let Some(list) = dependents.get_mut(*edge) {
                list.push(at);
            }
        }
    }
    let mut found: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<usize> = circle.sources.iter().chain(ends).copied().collect();
    while let Some(at) = open.pop() {
        if before.contains(&at) && found.insert(at) {
            open.extend(dependents.get(at).into_iter().flatten());
        }
    }
    found.into_iter().collect()
}

/// What can be reached from nodes, themselves left out unless a way leads to them, by way of nodes that are let through.
fn reach(edges: &[BTreeSet<usize>], from: &[usize], lets: &dyn Fn(usize) -> bool) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = from.to_vec();
    while let Some(at) = open.pop() {
        for edge in edges.get(at).into_iter().flatten() {
            if lets(*edge) && found.insert(*edge) {
                open.push(*edge);
            }
        }
    }
    found
}

/// Whether a node is a recursive one that carries its context along under this name.
fn has_context(node: &Node, key: &str) -> bool {
    matches!(&node.kind, NodeKind::Recursive(recursive) if recursive.context_key == key)
}

impl Checker<'_> {
    /// The sources a recursive node leads back to. It waits for them.
    pub(super) fn back(&self, frame: &Frame<'_>, index: usize, node: &Node, at: &Trail<'_>) -> Vec<usize> {
        let NodeKind::Recursive(recursive) = &node.kind else { return Vec::new() };
        let list = at.key("recursive_sources");
        let mut back = Vec::new();
        for (position, id) in recursive.recursive_sources.iter().enumerate() {
            match frame.index.get(id.as_str()) {
                Some(source) if *source == index => {
                    let message = format!("`{id}` leads back to itself anyway");
                    let finding = Finding::error(ErrorCode::RuleViolation, message);
                    let advice = "name the nodes before it that are run again".to_owned();
                    self.report.add(&list.index(position), finding.advise(advice));
                }
                Some(source) => back.push(*source),
                None if self.given.ghosts.contains(id.as_str()) => {}
                None => {
                    let message = format!("there is no node `{id}` in the scope of `{}`", node.id);
                    let finding = Finding::error(ErrorCode::UnknownNode, message);
                    let finding = finding.advise(self.where_is(frame, node, id.as_str()));
                    self.report.add(&list.index(position), finding);
                }
            }
        }
        back.sort_unstable();
        back.dedup();
        for source in &back {
            // Only a node that is its own source could refuse, and those are left out.
            let _ = frame.depend(index, 0, *source);
        }
        self.hidden_by_variables(frame, node, &[&recursive.context_key], at);
        back
    }

    /// What each recursive node of a scope runs again, once its circles are cut.
    pub(super) fn repeats(
        &self,
        frame: &Frame<'_>,
        circles: &[Circle<'_>],
        ends: &[Vec<usize>],
    ) -> Vec<(usize, Vec<usize>)> {
        let edges = frame.edges.borrow();
        let (mut found, mut count) = (Vec::with_capacity(circles.len()), 0);
        for (circle, ends) in circles.iter().zip(ends) {
            let repeated = repeated(&edges, circle, ends);
            count += repeated.len();
            let Some(node) = frame.nodes.get(circle.node) else { continue };
            let NodeKind::Recursive(recursive) = &node.kind else { continue };
            if count > MAX_REPEATED {
                let message = format!("the recursive nodes up to `{}` run {count} nodes again", node.id);
                let finding = Finding::error(ErrorCode::BlueprintTooLarge, message);
                let advice = format!("the most in one scope are {MAX_REPEATED}");
                let at = frame.trail.node_at(&node.id, frame.name, (frame.number, circle.node));
                self.report.add(&at, finding.advise(advice));
                break;
            }
            self.foreign_contexts(frame, recursive, circle.node, &repeated);
            found.push((circle.node, repeated));
        }
        found
    }

    /// Nodes that a recursive node does not run again have no part in what it carries along.
    fn foreign_contexts(&self, frame: &Frame<'_>, recursive: &RecursiveNode, own: usize, repeated: &[usize]) {
        let key = recursive.context_key.as_str();
        let shares = |other: &Node| has_context(other, key);
        // Whose it is among several of the same key cannot be told from the name.
        if frame.nodes.iter().filter(|other| shares(other)).count() > 1 {
            return;
        }
        for (index, node) in frame.nodes.iter().enumerate() {
            if index != own && repeated.binary_search(&index).is_err() {
                let at = frame.trail.node_at(&node.id, frame.name, (frame.number, index));
                self.foreign_context(key, recursive, node, &at);
            }
        }
    }

    fn foreign_context(&self, key: &str, recursive: &RecursiveNode, node: &Node, at: &Trail<'_>) {
        node.kind.texts(at, &mut |at, text| {
            let reads = names(text).map(|(reads, _)| reads).unwrap_or_default();
            let is_mapped = node.base.input_mappings.contains_key(key);
            for read in reads.iter().filter(|read| *read.name == *key && !read.optional && !is_mapped) {
                let message =
                    format!("`{}` reads `{key}`, which only nodes that are run again have", node.id);
                let finding = Finding::error(ErrorCode::UnknownReference, message);
                let sources = recursive.recursive_sources.iter().map(crate::id::NodeId::as_str);
                let advice = did_you_mean(node.id.as_str(), sources).unwrap_or_else(|| {
                    "read the recursive node's output, or name the node in `recursive_sources`".to_owned()
                });
                self.report.add(at, finding.within(Some(read.range.clone())).advise(advice));
            }
        });
        if variables::of(&node.kind).contains(&key) {
            return;
        }
        for (number, (name, nodes)) in node.kind.scopes().into_iter().enumerate() {
            if nodes.iter().any(|inner| has_context(inner, key)) {
                continue;
            }
            for (index, inner) in nodes.iter().enumerate() {
                let at = at.node_at(&inner.id, Some(name), (number, index));
                self.foreign_context(key, recursive, inner, &at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges, the recursive node, its sources; then what is left of the edges, and what is run again.
    fn check(edges: &[&[usize]], node: usize, sources: &[usize], left: &[&[usize]], again: &[usize]) {
        let mut edges: Vec<BTreeSet<usize>> = edges.iter().map(|to| to.iter().copied().collect()).collect();
        let circle = Circle { node, sources };
        let ends = cut(&mut edges, std::slice::from_ref(&circle));
        let shown: Vec<Vec<usize>> = edges.iter().map(|to| to.iter().copied().collect()).collect();
        assert_eq!(shown, left);
        assert_eq!(repeated(&edges, &circle, &ends[0]), again);
    }

    #[test]
    fn circles_are_cut_where_they_come_back() {
        // A source that reads the node, one that does not.
        check(&[&[1], &[0]], 1, &[0], &[&[], &[0]], &[0]);
        check(&[&[], &[0]], 1, &[0], &[&[], &[0]], &[0]);
        // What lies between, and what only stands beside.
        check(&[&[], &[0], &[1, 3], &[]], 2, &[0], &[&[], &[0], &[1, 3], &[]], &[0, 1]);
        // The way back to the source leads through another node.
        check(&[&[2], &[0], &[1]], 1, &[0], &[&[2], &[0], &[]], &[0, 2]);
        // A circle beside the source stays.
        check(&[&[], &[0, 2], &[1]], 1, &[0], &[&[], &[0, 2], &[1]], &[0, 1, 2]);
    }
}
