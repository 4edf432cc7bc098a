//! Where cells stand in their rows: near their neighbours, in order, never closer than allowed.

use super::net::{Cell, Net};

/// Sweeps down and up.
const SWEEPS: usize = 24;
const GAP: f64 = 32.0;
const BEND_GAP: f64 = 18.0;

/// Places the cells of a net whose rows are in order. The leftmost edge stands at 0.
pub(super) fn position(net: &mut Net) {
    for rank in 0..net.rows.len() {
        place(net, rank, |_, _| (0.0, 1.0));
    }
    for sweep in 0..SWEEPS {
        for step in 0..net.rows.len() {
            // The last two sweeps look both ways, which evens out what one side pulled askew.
            if sweep + 2 >= SWEEPS {
                place(net, step, |net, cell| mean(net, cell, true, true));
            } else if sweep % 2 == 0 {
                place(net, step, |net, cell| mean(net, cell, true, false));
            } else {
                place(net, net.rows.len() - 1 - step, |net, cell| mean(net, cell, false, true));
            }
        }
    }
    straighten(net);
    let left = net.cells.iter().map(|cell| cell.x - cell.width / 2.0).fold(f64::INFINITY, f64::min);
    for cell in &mut net.cells {
        cell.x -= left;
    }
}

/// The place a cell is drawn to and how strongly. Long edges pull most, so that they become straight.
fn mean(net: &Net, cell: &Cell, up: bool, down: bool) -> (f64, f64) {
    let none: &[usize] = &[];
    let above = if up { cell.up.as_slice() } else { none };
    let below = if down { cell.down.as_slice() } else { none };
    let (mut sum, mut weight) = (0.0, 0.0);
    for other in above.iter().chain(below).filter_map(|other| net.cells.get(*other)) {
        let pull = match (cell.bend, other.bend) {
            (true, true) => 8.0,
            (true, false) | (false, true) => 2.0,
            (false, false) => 1.0,
        };
        sum += other.x * pull;
        weight += pull;
    }
    if weight > 0.0 { (sum / weight, weight) } else { (cell.x, 0.05) }
}

/// Rounds of straightening.
const ROUNDS: usize = 4;

/// Puts the cells of each line (bends of one edge, nodes that follow each other alone) exactly below each
/// other where there is room, which the sweeps come near but do not reach.
fn straighten(net: &mut Net) {
    let lines = lines(net);
    for _ in 0..ROUNDS {
        for line in &lines {
            if straighten_line(net, line) {
                continue;
            }
            // Where nodes are in the way, the bends between them can still be in one line.
            let is_bend = |net: &Net, at: usize| net.cells.get(at).is_some_and(|cell| cell.bend);
            for run in line.chunk_by(|a, b| is_bend(net, *a) == is_bend(net, *b)).collect::<Vec<_>>() {
                if run.iter().all(|at| is_bend(net, *at)) {
                    straighten_line(net, run);
                }
            }
        }
    }
}

/// Puts a line of cells below each other, if there is room for it.
fn straighten_line(net: &mut Net, line: &[usize]) -> bool {
    let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
    for (low, high) in line.iter().map(|cell| room(net, *cell)) {
        least = least.max(low);
        most = most.min(high);
    }
    let has_room = least <= most;
    if has_room {
        let x = wanted(net, line).clamp(least, most);
        for cell in line {
            if let Some(cell) = net.cells.get_mut(*cell) {
                cell.x = x;
            }
        }
    }
    has_room
}

/// The longest lines of cells of which each is the only one below the one before it, and the other way
/// round. Lines of one cell are left out unless it is a bend.
fn lines(net: &Net) -> Vec<Vec<usize>> {
    let alone = |cells: &[usize]| if let [only] = cells { Some(*only) } else { None };
    let next = |at: usize| {
        let below = alone(&net.cells.get(at)?.down)?;
        (alone(&net.cells.get(below)?.up) == Some(at)).then_some(below)
    };
    let mut inner = vec![false; net.cells.len()];
    for below in (0..net.cells.len()).filter_map(next) {
        if let Some(inner) = inner.get_mut(below) {
            *inner = true;
        }
    }
    let starts = inner.iter().enumerate().filter(|(_, inner)| !**inner).map(|(at, _)| at);
    let lines =
        starts.map(|start| std::iter::successors(Some(start), |at| next(*at)).collect::<Vec<usize>>());
    let bend = |at: &usize| net.cells.get(*at).is_some_and(|cell| cell.bend);
    lines.filter(|line| line.len() > 1 || line.iter().any(bend)).collect()
}

/// How far a cell may go to either side.
fn room(net: &Net, at: usize) -> (f64, f64) {
    let Some(cell) = net.cells.get(at) else { return (f64::NEG_INFINITY, f64::INFINITY) };
    let row = net.rows.get(cell.rank).map_or(&[][..], Vec::as_slice);
    let beside = |position: Option<usize>| net.cells.get(*row.get(position?)?);
    let left = beside(cell.position.checked_sub(1)).map(|left| left.x + distance(left, cell));
    let right = beside(cell.position.checked_add(1)).map(|right| right.x - distance(cell, right));
    (left.unwrap_or(f64::NEG_INFINITY), right.unwrap_or(f64::INFINITY))
}

/// Where a line is drawn to: to what it joins, the end below first; without any, to where it stands.
fn wanted(net: &Net, line: &[usize]) -> f64 {
    let end = |at: Option<&usize>| at.and_then(|at| net.cells.get(*at));
    let middle = |cells: &[usize]| {
        (!cells.is_empty()).then(|| cells.iter().map(|at| net.x(*at)).sum::<f64>() / cells.len() as f64)
    };
    let above = end(line.first()).and_then(|first| middle(&first.up));
    let below = end(line.last()).and_then(|last| middle(&last.down));
    match (above, below) {
        (Some(above), Some(below))
            if line.iter().all(|at| net.cells.get(*at).is_some_and(|cell| cell.bend)) =>
        {
            // An edge that must leave its row anyway does so once, at the end that is farther off.
            let x = end(line.first()).map_or(below, |first| first.x);
            if (x - above).abs() < (x - below).abs() { above } else { below }
        }
        (Some(above), Some(below)) => f64::midpoint(above, below),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => end(line.first()).map_or(0.0, |first| first.x),
    }
}

/// A run of cells that stand as close as they may, and where it is drawn to.
struct Run {
    cells: usize,
    sum: f64,
    weight: f64,
}

/// Places one row: the least squared distance from the wanted places, in order and with all gaps kept
/// (pool adjacent violators).
fn place(net: &mut Net, rank: usize, wanted: impl Fn(&Net, &Cell) -> (f64, f64)) {
    let Some(row) = net.rows.get(rank) else { return };
    let mut offsets = Vec::with_capacity(row.len());
    let mut runs: Vec<Run> = Vec::with_capacity(row.len());
    let mut last: Option<(f64, &Cell)> = None;
    for cell in row.iter().filter_map(|cell| net.cells.get(*cell)) {
        let offset = last.map_or(0.0, |(offset, before)| offset + distance(before, cell));
        last = Some((offset, cell));
        offsets.push(offset);
        let (place, weight) = wanted(net, cell);
        let mut run = Run { cells: 1, sum: (place - offset) * weight, weight };
        while let Some(before) = runs.pop_if(|before| before.sum / before.weight > run.sum / run.weight) {
            run.cells += before.cells;
            run.sum += before.sum;
            run.weight += before.weight;
        }
        runs.push(run);
    }
    let starts = runs.iter().flat_map(|run| std::iter::repeat_n(run.sum / run.weight, run.cells));
    let places: Vec<f64> = offsets.iter().zip(starts).map(|(offset, start)| start + offset).collect();
    for (cell, x) in row.iter().zip(places) {
        if let Some(cell) = net.cells.get_mut(*cell) {
            cell.x = x;
        }
    }
}

fn distance(left: &Cell, right: &Cell) -> f64 {
    let gap = if left.bend && right.bend { BEND_GAP } else { GAP };
    f64::midpoint(left.width, right.width) + gap
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::draw::layout::order::order;
    use crate::blueprint::draw::layout::rank::rank;
    use crate::blueprint::draw::{Edge, EdgeKind};

    fn placed(widths: &[f64], ends: &[(usize, usize)]) -> Net {
        let edge = |(from, to): &(usize, usize)| Edge { from: *from, to: *to, kind: EdgeKind::Dependency };
        let edges: Vec<Edge> = ends.iter().map(edge).collect();
        let mut net = Net::new(&rank(widths.len(), &edges), widths);
        order(&mut net);
        position(&mut net);
        net
    }

    #[test]
    fn a_chain_stands_in_one_line_and_a_diamond_is_even() {
        let chain = placed(&[100.0, 180.0, 120.0], &[(0, 1), (1, 2)]);
        assert_eq!([0, 1, 2].map(|at| chain.x(at)), [90.0, 90.0, 90.0]);
        let diamond = placed(&[100.0; 4], &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        let x = [0, 1, 2, 3].map(|at| diamond.x(at));
        assert!((x[0] - x[3]).abs() < 0.01 && (x[0] - f64::midpoint(x[1], x[2])).abs() < 0.01, "{x:?}");
        assert!((x[2] - x[1] - 132.0).abs() < 0.01, "{x:?}");
    }

    #[test]
    fn a_long_edge_is_straight_between_its_ends() {
        let net = placed(&[100.0; 6], &[(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (4, 5)]);
        let bends: Vec<f64> = net.chains.iter().max_by_key(|chain| chain.len()).unwrap()[1..4]
            .iter()
            .map(|cell| net.x(*cell))
            .collect();
        assert!(bends.iter().all(|x| (x - bends[0]).abs() < 0.01), "{bends:?}");
    }
}
