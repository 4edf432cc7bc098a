//! How many nodes of the top scope are under way at once.

use std::collections::VecDeque;

use ice_core::blueprint::KindName;

use crate::workflow::model::{NodeIndex, PlanNode};

/// Which nodes of the top scope whose dependencies are done are let in, and which wait until one that was has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    most: usize,
    pub(crate) under_way: usize,
    /// In the order in which they came. Nobody waits while there is room.
    pub(crate) held: VecDeque<NodeIndex>,
}

impl Admission {
    pub(crate) fn new(most: Option<u32>) -> Self {
        Self { most: most.map_or(usize::MAX, |most| most as usize), under_way: 0, held: VecDeque::new() }
    }

    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// Lets a node in, or holds it back.
    pub(crate) fn lets_in(&mut self, node: &PlanNode, index: NodeIndex) -> bool {
        if !counts(node) {
            return true;
        }
        if self.under_way < self.most {
            self.under_way += 1;
            return true;
        }
        self.held.push_back(index);
        false
    }

    /// A node has ended; gives the one that takes its place.
    pub(crate) fn leave(&mut self, node: &PlanNode) -> Option<NodeIndex> {
        if !counts(node) {
            return None;
        }
        let next = self.held.pop_front();
        if next.is_none() {
            self.under_way = self.under_way.saturating_sub(1);
        }
        next
    }
}

/// Monitors watch the others, which would never get their turn if they had to wait for them.
pub(crate) fn counts(node: &PlanNode) -> bool {
    node.kind != KindName::Monitor
}
