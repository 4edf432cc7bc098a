//! The critical path: the chain of nodes that takes longest, and so says how long the whole takes at least.

use super::{Dag, Weight};

/// The heaviest chain of nodes, each of which waits for the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriticalPath<W> {
    /// The nodes, the first one first.
    pub nodes: Vec<u32>,
    /// What they add up to.
    pub total: W,
    /// For each node of the graph how much heavier it could be without making the whole heavier: nothing for those of the
    /// path.
    pub slack: Vec<W>,
}

/// The critical path under weights, one for each node. Of several heaviest ones the one whose last node stands first, and so
/// on backwards. (Kelley and Walker, Critical-Path Planning and Scheduling, 1959.)
#[must_use]
pub fn critical_path<W: Weight>(dag: &Dag, weights: &[W]) -> CriticalPath<W> {
    let (heads, tails) = (dag.heads(weights), dag.tails(weights));
    let total = heads.iter().max().cloned().unwrap_or_else(W::zero);
    let through = heads.iter().zip(&tails).zip(weights);
    let slack = through.map(|((head, tail), own)| total.minus(&head.plus(tail).minus(own))).collect();
    let head = |index: u32| heads.get(index as usize);
    let first = |candidates: &mut dyn Iterator<Item = u32>| {
        let best = |one: Option<u32>, other: u32| match one {
            Some(one) if head(one) >= head(other) => Some(one),
            Some(_) | None => Some(other),
        };
        candidates.fold(None, best)
    };
    let mut nodes = Vec::new();
    let mut at = first(&mut (0..u32::try_from(dag.len()).unwrap_or(u32::MAX)));
    while let Some(index) = at {
        nodes.push(index);
        at = first(&mut dag.dependencies_of(index).iter().copied());
    }
    nodes.reverse();
    CriticalPath { nodes, total, slack }
}
