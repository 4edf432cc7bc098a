//! Bottlenecks: where it pays to make something faster.

use std::collections::BinaryHeap;

use super::{Dag, Weight};

/// A node that the whole waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bottleneck<W> {
    /// The node.
    pub node: u32,
    /// How much lighter the whole would be if this node weighed nothing: less than the node itself where another path is
    /// nearly as heavy.
    pub gain: W,
    /// Whether every path leads through it: while it is under way, nothing else can be.
    pub is_gate: bool,
}

/// The nodes that would make the whole lighter if they weighed nothing, and those through which every path leads; the one
/// with the largest gain first. A gain is the weight of the critical path less that of the heaviest path without the node.
#[must_use]
pub fn bottlenecks<W: Weight>(dag: &Dag, weights: &[W]) -> Vec<Bottleneck<W>> {
    let total = dag.heads(weights).iter().max().cloned().unwrap_or_else(W::zero);
    let mut found = Vec::new();
    for (node, around) in around(dag, weights) {
        let own = weights.get(node as usize).cloned().unwrap_or_else(W::zero);
        let gain = match &around {
            Some(around) => total.minus(around).min(own),
            None => own,
        };
        let is_gate = around.is_none() && dag.len() > 1;
        if gain > W::zero() || is_gate {
            found.push(Bottleneck { node, gain, is_gate });
        }
    }
    found.sort_by(|one, other| other.gain.cmp(&one.gain).then(one.node.cmp(&other.node)));
    found
}

/// For each node, in an order in which each stands after those it waits for, the heaviest path that does not lead through
/// it; nothing if every path does.
///
/// Such a path ends before the node in that order, begins after it, or has an edge that leads from before it to behind it.
/// The edges are kept in a heap while the nodes are gone through: n log n in all.
fn around<W: Weight>(dag: &Dag, weights: &[W]) -> Vec<(u32, Option<W>)> {
    let (heads, tails) = (dag.heads(weights), dag.tails(weights));
    let mut places = vec![0_usize; dag.len()];
    for (place, index) in dag.order.iter().enumerate() {
        if let Some(slot) = places.get_mut(*index as usize) {
            *slot = place;
        }
    }
    // The heaviest path that begins at this place or later.
    let mut later: Vec<Option<W>> = vec![None; dag.len() + 1];
    for (place, index) in dag.order.iter().enumerate().rev() {
        let begins =
            dag.dependencies_of(*index).is_empty().then(|| tails.get(*index as usize).cloned()).flatten();
        let most = later.get(place + 1).cloned().flatten().max(begins);
        if let Some(slot) = later.get_mut(place) {
            *slot = most;
        }
    }
    let (mut around, mut earlier, mut edges) = (Vec::with_capacity(dag.len()), None::<W>, BinaryHeap::new());
    for (place, index) in dag.order.iter().enumerate() {
        while edges.peek().is_some_and(|(_, until): &(W, usize)| *until <= place) {
            edges.pop();
        }
        let crossing = edges.peek().map(|(weight, _)| weight.clone());
        let behind = later.get(place + 1).cloned().flatten();
        around.push((*index, earlier.clone().max(crossing).max(behind)));
        let Some(head) = heads.get(*index as usize) else { continue };
        if dag.dependents_of(*index).is_empty() {
            earlier = earlier.max(Some(head.clone()));
        }
        for dependent in dag.dependents_of(*index) {
            if let (Some(tail), Some(until)) =
                (tails.get(*dependent as usize), places.get(*dependent as usize))
            {
                edges.push((head.plus(tail), *until));
            }
        }
    }
    around
}
