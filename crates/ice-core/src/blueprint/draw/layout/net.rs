//! Rows of cells: the nodes of a graph, and the bends by which long edges pass through the rows between.

use super::rank::{Ranked, Span};

/// The most bends of one scope; the shortest edges get theirs first, the others are drawn straight.
const MOST_BENDS: usize = 10_000;
/// The width that an edge takes in a row it passes through.
const BEND_WIDTH: f64 = 10.0;

/// A place in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    /// Its row.
    pub(super) rank: usize,
    /// Its position in the row.
    pub(super) position: usize,
    /// Whether an edge passes here, rather than a node standing.
    pub(super) bend: bool,
    /// Its width.
    pub(super) width: f64,
    /// Its middle.
    pub(super) x: f64,
    /// The cells above that it is joined with.
    pub(super) up: Vec<usize>,
    /// The cells below that it is joined with.
    pub(super) down: Vec<usize>,
}

/// Rows of cells. The first cells are the nodes, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Net {
    /// The cells.
    pub(super) cells: Vec<Cell>,
    /// The rows, from above, each from left to right.
    pub(super) rows: Vec<Vec<usize>>,
    /// Per span the cells it leads through, from its upper to its lower node.
    pub(super) chains: Vec<Vec<usize>>,
}

impl Net {
    /// The rows of ranked nodes with these widths; in each row nodes stand in their order, then bends.
    pub(super) fn new(ranked: &Ranked, widths: &[f64]) -> Self {
        let cell = |(rank, width): (&usize, &f64)| Cell { rank: *rank, width: *width, ..Cell::default() };
        let mut net = Self { cells: ranked.ranks.iter().zip(widths).map(cell).collect(), ..Self::default() };
        net.rows = vec![Vec::new(); ranked.ranks.iter().max().map_or(0, |last| last + 1)];
        for (node, rank) in ranked.ranks.iter().enumerate() {
            if let Some(row) = net.rows.get_mut(*rank) {
                row.push(node);
            }
        }
        net.chains = vec![Vec::new(); ranked.spans.len()];
        let mut by_length: Vec<(usize, usize)> =
            ranked.spans.iter().enumerate().map(|(at, span)| (net.length(span), at)).collect();
        by_length.sort_unstable();
        let mut bends = 0;
        for (length, at) in by_length {
            let Some(span) = ranked.spans.get(at) else { continue };
            bends += length.saturating_sub(1);
            let chain = if bends <= MOST_BENDS { net.join(span) } else { vec![span.upper, span.lower] };
            if let Some(slot) = net.chains.get_mut(at) {
                *slot = chain;
            }
        }
        net.number_all();
        net
    }

    fn length(&self, span: &Span) -> usize {
        self.rank(span.lower).saturating_sub(self.rank(span.upper))
    }

    fn rank(&self, cell: usize) -> usize {
        self.cells.get(cell).map_or(0, |cell| cell.rank)
    }

    fn join(&mut self, span: &Span) -> Vec<usize> {
        let mut chain = vec![span.upper];
        for rank in self.rank(span.upper) + 1..self.rank(span.lower) {
            let bend = self.cells.len();
            self.cells.push(Cell { rank, bend: true, width: BEND_WIDTH, ..Cell::default() });
            if let Some(row) = self.rows.get_mut(rank) {
                row.push(bend);
            }
            chain.push(bend);
        }
        chain.push(span.lower);
        for (upper, lower) in chain.iter().zip(chain.iter().skip(1)) {
            if let Some(cell) = self.cells.get_mut(*upper) {
                cell.down.push(*lower);
            }
            if let Some(cell) = self.cells.get_mut(*lower) {
                cell.up.push(*upper);
            }
        }
        chain
    }

    /// Notes in each cell of a row its position there.
    pub(super) fn number(&mut self, rank: usize) {
        for (position, cell) in self.rows.get(rank).into_iter().flatten().enumerate() {
            if let Some(cell) = self.cells.get_mut(*cell) {
                cell.position = position;
            }
        }
    }

    /// Notes in every cell its position in its row.
    pub(super) fn number_all(&mut self) {
        for rank in 0..self.rows.len() {
            self.number(rank);
        }
    }

    /// The position of a cell in its row.
    pub(super) fn position(&self, cell: usize) -> usize {
        self.cells.get(cell).map_or(0, |cell| cell.position)
    }

    /// The middle of a cell.
    pub(super) fn x(&self, cell: usize) -> f64 {
        self.cells.get(cell).map_or(0.0, |cell| cell.x)
    }

    /// The number of joints between cells.
    pub(super) fn joints(&self) -> usize {
        self.cells.iter().map(|cell| cell.down.len()).sum()
    }
}
