//! The order within rows: as few crossings as a bounded search finds.

use super::net::{Cell, Net};

/// The work of one search, in joints looked at.
const WORK: usize = 2_000_000;
/// The most sweeps of one search.
const MOST_SWEEPS: usize = 16;
/// Graphs with more joints are not searched by exchanging neighbours.
const MOST_EXCHANGED: usize = 1_500;

/// Puts the rows of a net in order: sweeps down and up that place each cell at the mean of its neighbours,
/// and exchanges of neighbours in small nets. The best order seen is kept.
pub(super) fn order(net: &mut Net) {
    let size = net.joints() + net.cells.len();
    let sweeps = (WORK / size.max(1)).clamp(1, MOST_SWEEPS);
    let mut best = (crossings(net), net.rows.clone());
    for sweep in 0..sweeps {
        if best.0 == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        for step in 1..net.rows.len() {
            let rank = if down { step } else { net.rows.len() - 1 - step };
            sort(net, rank, down, sweep % 4 >= 2);
        }
        if net.joints() <= MOST_EXCHANGED {
            exchange(net);
        }
        let found = crossings(net);
        if found < best.0 {
            best = (found, net.rows.clone());
        }
    }
    net.rows = best.1;
    net.number_all();
}

/// Sorts a row by the means of the cells above (`down`) or below. Turning ties round now and then leads out of
/// orders that are best only among their neighbours.
fn sort(net: &mut Net, rank: usize, down: bool, turn_ties: bool) {
    let Some(row) = net.rows.get(rank) else { return };
    let mean = |cell: &Cell| {
        let near = if down { &cell.up } else { &cell.down };
        let sum: usize = near.iter().map(|other| net.position(*other)).sum();
        (!near.is_empty()).then(|| sum as f64 / near.len() as f64)
    };
    // Cells without neighbours keep their place: they follow the cell before them.
    let mut last = f64::NEG_INFINITY;
    let mut keyed: Vec<(f64, usize)> = Vec::with_capacity(row.len());
    for at in row {
        last = net.cells.get(*at).and_then(mean).unwrap_or(last);
        keyed.push((last, *at));
    }
    if turn_ties {
        keyed.reverse();
    }
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some(row) = net.rows.get_mut(rank) {
        *row = keyed.into_iter().map(|(_, at)| at).collect();
    }
    net.number(rank);
}

/// Exchanges neighbours in rows where that leaves fewer crossings.
fn exchange(net: &mut Net) {
    for rank in 0..net.rows.len() {
        let length = net.rows.get(rank).map_or(0, Vec::len);
        for left in 0..length.saturating_sub(1) {
            let Some([a, b]) = net.rows.get(rank).and_then(|row| row.get(left..left + 2)) else { continue };
            let (a, b) = (*a, *b);
            let (Some(one), Some(other)) = (net.cells.get(a), net.cells.get(b)) else { continue };
            let kept = crossed(net, &one.up, &other.up) + crossed(net, &one.down, &other.down);
            let turned = crossed(net, &other.up, &one.up) + crossed(net, &other.down, &one.down);
            if turned < kept {
                if let Some(row) = net.rows.get_mut(rank) {
                    row.swap(left, left + 1);
                }
                net.number(rank);
            }
        }
    }
}

/// The crossings between the joints of two neighbours, the first one on the left.
fn crossed(net: &Net, left: &[usize], right: &[usize]) -> usize {
    let right: Vec<usize> = right.iter().map(|cell| net.position(*cell)).collect();
    left.iter()
        .map(|cell| {
            let position = net.position(*cell);
            right.iter().filter(|other| **other < position).count()
        })
        .sum()
}

/// The number of crossings of the whole net.
fn crossings(net: &Net) -> usize {
    net.rows.iter().zip(net.rows.iter().skip(1)).map(|(upper, lower)| between(net, upper, lower.len())).sum()
}

/// The crossings below a row: inversions among the lower ends, counted with a Fenwick tree.
fn between(net: &Net, upper: &[usize], width: usize) -> usize {
    let mut tree = vec![0_usize; width + 1];
    let (mut seen, mut found) = (0, 0);
    for cell in upper.iter().filter_map(|cell| net.cells.get(*cell)) {
        let mut ends: Vec<usize> = cell.down.iter().map(|end| net.position(*end)).collect();
        ends.sort_unstable();
        for end in &ends {
            // Those seen before that end further right.
            let mut up_to = 0;
            let mut at = end + 1;
            while at > 0 {
                up_to += tree.get(at).copied().unwrap_or(0);
                at &= at - 1;
            }
            found += seen - up_to;
        }
        for end in &ends {
            let mut at = end + 1;
            while let Some(count) = tree.get_mut(at) {
                *count += 1;
                at += at & at.wrapping_neg();
            }
        }
        seen += ends.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::draw::layout::rank::rank;
    use crate::blueprint::draw::{Edge, EdgeKind};

    fn check(count: usize, ends: &[(usize, usize)], before: usize, after: usize) {
        let edge = |(from, to): &(usize, usize)| Edge { from: *from, to: *to, kind: EdgeKind::Dependency };
        let edges: Vec<Edge> = ends.iter().map(edge).collect();
        let mut net = Net::new(&rank(count, &edges), &vec![100.0; count]);
        assert_eq!(crossings(&net), before);
        order(&mut net);
        assert_eq!(crossings(&net), after);
        let mut all: Vec<usize> = net.rows.concat();
        all.sort_unstable();
        assert_eq!(all, (0..net.cells.len()).collect::<Vec<_>>());
    }

    #[test]
    fn crossings_are_counted_and_undone() {
        check(4, &[(0, 3), (1, 2)], 1, 0);
        check(6, &[(0, 5), (1, 4), (2, 3)], 3, 0);
        // Two by two all joined cannot be drawn without one.
        check(4, &[(0, 2), (0, 3), (1, 2), (1, 3)], 1, 1);
        // The long edge goes round the outside.
        check(5, &[(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (0, 4)], 0, 0);
        check(8, &[(0, 7), (0, 6), (1, 5), (1, 4), (2, 6), (3, 4)], 9, 0);
    }
}
