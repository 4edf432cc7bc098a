//! Circles of dependencies: found, the legal ones cut, the others told with their way.

use std::collections::{BTreeSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// The groups of nodes that depend on each other, each sorted.
pub(super) fn circles(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let mut graph: DiGraph<(), ()> =
        DiGraph::with_capacity(edges.len(), edges.iter().map(BTreeSet::len).sum());
    for _ in edges {
        graph.add_node(());
    }
    for (from, targets) in edges.iter().enumerate() {
        for to in targets {
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(*to), ());
        }
    }
    let mut groups: Vec<Vec<usize>> = kosaraju_scc(&graph)
        .into_iter()
        .filter(|group| group.len() > 1)
        .map(|group| {
            let mut group: Vec<usize> = group.into_iter().map(NodeIndex::index).collect();
            group.sort_unstable();
            group
        })
        .collect();
    groups.sort_unstable();
    groups
}

/// A shortest circle through the first node of a group, without its last step back.
pub(super) fn way(edges: &[BTreeSet<usize>], group: &[usize]) -> Vec<usize> {
    let Some(&start) = group.first() else { return Vec::new() };
    let inside: BTreeSet<usize> = group.iter().copied().collect();
    let mut before: Vec<Option<usize>> = vec![None; edges.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(here) = queue.pop_front() {
        for &next in edges.get(here).into_iter().flatten() {
            if next == start {
                return back(&before, start, here);
            }
            if inside.contains(&next)
                && let Some(slot @ None) = before.get_mut(next)
            {
                *slot = Some(here);
                queue.push_back(next);
            }
        }
    }
    vec![start]
}

fn back(before: &[Option<usize>], start: usize, end: usize) -> Vec<usize> {
    let mut way = vec![end];
    let mut here = end;
    while here != start {
        let Some(previous) = before.get(here).copied().flatten() else { break };
        way.push(previous);
        here = previous;
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edges: &[&[usize]], expected: &[&[usize]]) {
        let edges: Vec<BTreeSet<usize>> = edges.iter().map(|to| to.iter().copied().collect()).collect();
        let ways: Vec<Vec<usize>> = circles(&edges).iter().map(|group| way(&edges, group)).collect();
        assert_eq!(ways, expected);
    }

    #[test]
    fn each_group_gives_a_shortest_circle() {
        check(&[&[], &[0], &[0, 1]], &[]);
        check(&[&[1], &[0]], &[&[0, 1]]);
        check(&[&[1], &[2], &[3, 0], &[0]], &[&[0, 1, 2]]);
        check(&[&[], &[3], &[1], &[2], &[5], &[4]], &[&[1, 3, 2], &[4, 5]]);
    }
}
