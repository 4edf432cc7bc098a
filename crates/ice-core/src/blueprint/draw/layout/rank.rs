//! Ranks: every node stands below what it depends on, as few rows as possible.

use crate::blueprint::draw::{Edge, EdgeKind};

/// The ranks of a graph's nodes.
pub(super) struct Ranked {
    /// The rank of each node, from 0 at the top.
    pub(super) ranks: Vec<usize>,
    /// Each edge as it runs down.
    pub(super) spans: Vec<Span>,
}

/// An edge between an upper and a lower node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The position of the edge in the list.
    pub(super) edge: usize,
    /// The upper node.
    pub(super) upper: usize,
    /// The lower node.
    pub(super) lower: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    Open,
    Done,
}

/// Ranks `count` nodes. Edges that close a circle run upwards, as do edges that repeat.
pub(super) fn rank(count: usize, edges: &[Edge]) -> Ranked {
    let mut spans: Vec<Span> = Vec::with_capacity(edges.len());
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut entered = vec![false; count];
    for (at, edge) in edges.iter().enumerate().filter(|(_, edge)| edge.from.max(edge.to) < count) {
        let upwards = edge.kind == EdgeKind::Repeat;
        let (upper, lower) = if upwards { (edge.to, edge.from) } else { (edge.from, edge.to) };
        if let Some(leaving) = below.get_mut(upper) {
            leaving.push(spans.len());
        }
        if let Some(entered) = entered.get_mut(lower) {
            *entered = true;
        }
        spans.push(Span { edge: at, upper, lower });
    }
    let order = unwind(count, &mut spans, &below, &entered);

    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut roots = vec![true; count];
    for span in &spans {
        if let Some(lower) = leaving.get_mut(span.upper) {
            lower.push(span.lower);
        }
        if let Some(root) = roots.get_mut(span.lower) {
            *root = false;
        }
    }
    let mut ranks = vec![0_usize; count];
    for (node, lower) in order.iter().filter_map(|node| Some((*node, leaving.get(*node)?))) {
        let next = ranks.get(node).map_or(0, |rank| rank + 1);
        for lower in lower {
            if let Some(rank) = ranks.get_mut(*lower) {
                *rank = next.max(*rank);
            }
        }
    }
    // What waits for nothing stands just above what needs it, not at the top.
    for (node, lower) in leaving.iter().enumerate() {
        let highest = lower.iter().filter_map(|lower| ranks.get(*lower)).min().copied();
        if let (Some(true), Some(highest), Some(rank)) = (roots.get(node), highest, ranks.get_mut(node)) {
            *rank = highest.saturating_sub(1);
        }
    }
    Ranked { ranks, spans }
}

/// An order in which every span runs forward; spans that close a circle are turned round for it.
fn unwind(count: usize, spans: &mut [Span], below: &[Vec<usize>], entered: &[bool]) -> Vec<usize> {
    let mut visits = vec![Visit::New; count];
    let mut order = Vec::with_capacity(count);
    let roots = (0..count).filter(|node| entered.get(*node) == Some(&false));
    for root in roots.chain(0..count) {
        let mut stack = vec![(root, 0_usize)];
        while let Some((node, next)) = stack.pop() {
            let Some(visit) = visits.get_mut(node) else { continue };
            if next == 0 {
                if *visit != Visit::New {
                    continue;
                }
                *visit = Visit::Open;
            }
            let Some(at) = below.get(node).and_then(|leaving| leaving.get(next)) else {
                *visit = Visit::Done;
                order.push(node);
                continue;
            };
            stack.push((node, next + 1));
            let Some(span) = spans.get_mut(*at) else { continue };
            match visits.get(span.lower) {
                Some(Visit::New) => stack.push((span.lower, 0)),
                Some(Visit::Open) => std::mem::swap(&mut span.upper, &mut span.lower),
                Some(Visit::Done) | None => {}
            }
        }
    }
    order.reverse();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize, edges: &[(usize, usize, EdgeKind)], expected: &[usize]) {
        let edges: Vec<Edge> =
            edges.iter().map(|(from, to, kind)| Edge { from: *from, to: *to, kind: *kind }).collect();
        let ranked = rank(count, &edges);
        assert_eq!(ranked.ranks, expected);
        for span in &ranked.spans {
            assert!(ranked.ranks[span.upper] < ranked.ranks[span.lower], "{span:?}");
        }
    }

    #[test]
    fn nodes_stand_below_what_they_depend_on() {
        use EdgeKind::{Dependency as D, Repeat as R};
        check(4, &[(0, 1, D), (1, 2, D), (0, 2, D), (2, 3, D)], &[0, 1, 2, 3]);
        // A source stands just above what needs it.
        check(4, &[(0, 1, D), (1, 2, D), (3, 2, D)], &[0, 1, 2, 1]);
        // A repetition runs up, and adds no row.
        check(3, &[(0, 1, D), (1, 0, R), (1, 2, D)], &[0, 1, 2]);
        // A circle is cut somewhere.
        check(3, &[(0, 1, D), (1, 2, D), (2, 0, D)], &[0, 1, 2]);
    }
}
