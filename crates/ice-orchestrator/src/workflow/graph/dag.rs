//! A graph without circles, by the positions of its nodes.

use crate::workflow::graph_utils::dependents;
use crate::workflow::model::{NodeIndex, Scope};

/// What a path adds up. Time is one such thing; money and calls are others.
pub trait Weight: Clone + Ord {
    /// Nothing.
    fn zero() -> Self;

    /// Both together.
    #[must_use]
    fn plus(&self, other: &Self) -> Self;

    /// What is left without the other; nothing if that is more.
    #[must_use]
    fn minus(&self, other: &Self) -> Self;
}

impl Weight for u64 {
    fn zero() -> Self {
        0
    }

    fn plus(&self, other: &Self) -> Self {
        self.saturating_add(*other)
    }

    fn minus(&self, other: &Self) -> Self {
        self.saturating_sub(*other)
    }
}

/// A graph without circles: for each node those that must be done before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dag {
    pub(super) dependencies: Vec<Vec<NodeIndex>>,
    pub(super) dependents: Vec<Vec<NodeIndex>>,
    /// The nodes, each after those it waits for.
    pub(super) order: Vec<NodeIndex>,
}

impl Dag {
    /// A graph from the dependencies of each node; nothing if they lead in a circle or out of the graph.
    #[must_use]
    pub fn new(dependencies: Vec<Vec<u32>>) -> Option<Self> {
        let dependents = dependents(&dependencies);
        let mut left: Vec<usize> = dependencies.iter().map(Vec::len).collect();
        let mut order = Vec::with_capacity(left.len());
        let free = |(index, left): (u32, &usize)| (*left == 0).then_some(index);
        let mut free: Vec<u32> = (0..).zip(&left).filter_map(free).collect();
        free.reverse();
        while let Some(index) = free.pop() {
            order.push(index);
            for dependent in dependents.get(index as usize).into_iter().flatten() {
                let Some(left) = left.get_mut(*dependent as usize) else { continue };
                *left = left.saturating_sub(1);
                if *left == 0 {
                    free.push(*dependent);
                }
            }
        }
        (order.len() == dependencies.len()).then_some(Self { dependencies, dependents, order })
    }

    /// The graph of a scope, which never has a circle.
    pub(super) fn of(scope: &Scope) -> Self {
        let dependencies = scope.nodes.iter().map(|node| node.dependencies.clone()).collect();
        Self::new(dependencies).unwrap_or(Self {
            dependencies: Vec::new(),
            dependents: Vec::new(),
            order: Vec::new(),
        })
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.dependencies.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.dependencies.is_empty()
    }

    pub(super) fn dependencies_of(&self, index: NodeIndex) -> &[NodeIndex] {
        self.dependencies.get(index as usize).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn dependents_of(&self, index: NodeIndex) -> &[NodeIndex] {
        self.dependents.get(index as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// For each node the heaviest path that ends with it, itself included.
    pub(super) fn heads<W: Weight>(&self, weights: &[W]) -> Vec<W> {
        self.sums(weights, self.order.iter(), |index| self.dependencies_of(index))
    }

    /// For each node the heaviest path that begins with it, itself included.
    pub(super) fn tails<W: Weight>(&self, weights: &[W]) -> Vec<W> {
        self.sums(weights, self.order.iter().rev(), |index| self.dependents_of(index))
    }

    fn sums<'d, W: Weight>(
        &'d self,
        weights: &[W],
        order: impl Iterator<Item = &'d NodeIndex>,
        before: impl Fn(NodeIndex) -> &'d [NodeIndex],
    ) -> Vec<W> {
        let mut sums = vec![W::zero(); self.len()];
        for index in order {
            let most = before(*index).iter().filter_map(|other| sums.get(*other as usize)).max().cloned();
            let own = weights.get(*index as usize).cloned().unwrap_or_else(W::zero);
            if let Some(sum) = sums.get_mut(*index as usize) {
                *sum = most.map_or_else(|| own.clone(), |most| most.plus(&own));
            }
        }
        sums
    }

    /// The nodes by how many others must be done one after the other before them: the first level waits for nothing.
    #[must_use]
    pub fn levels(&self) -> Vec<Vec<u32>> {
        let depths = self.heads(&vec![1_u64; self.len()]);
        let mut levels: Vec<Vec<u32>> = Vec::new();
        for (index, depth) in (0..).zip(depths) {
            let level = usize::try_from(depth).unwrap_or(usize::MAX).saturating_sub(1);
            if levels.len() <= level {
                levels.resize(level + 1, Vec::new());
            }
            if let Some(level) = levels.get_mut(level) {
                level.push(index);
            }
        }
        levels
    }
}
