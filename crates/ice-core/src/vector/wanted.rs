//! What a search asks for and gives.

use crate::segments::{Filter, ItemId};

/// What a search asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// So many of the nearest, 1 to [`Wanted::MOST`].
    pub k: usize,
    /// Among those that pass.
    pub filter: Filter,
    /// How hard it looks.
    pub effort: Effort,
}

impl Wanted {
    /// The most hits of one search.
    pub const MOST: usize = 10_000;

    /// The nearest so many of all, with the effort that fits the size.
    #[must_use]
    pub fn nearest(k: usize) -> Self {
        Self { k, filter: Filter::default(), effort: Effort::Fitting }
    }

    /// Among those that pass.
    #[must_use]
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Looking so hard.
    #[must_use]
    pub const fn with(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }
}

/// How hard a search looks. What passes the filter is exact in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// By the size of each segment: exact where that is soon done, along the graph where there is one, else by codes.
    Fitting,
    /// Every vector is compared as it is.
    Exact,
    /// Every vector is compared by its code of eight bits, and the nearest are ranked again as they are.
    Codes,
    /// Along the graph, where there is one, keeping so many of the nearest in sight (1 to 4,096, at least `k`): the more, the surer and
    /// the slower.
    Graph {
        /// How many are kept in sight.
        ef: usize,
    },
}

/// An item that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Which.
    pub id: ItemId,
    /// How near, by the metric of the space; more is nearer. Always that of the vectors as they are.
    pub score: f32,
}
