//! How long a node may take at worst: its time-outs, its attempts and the waits between them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dag, Weight};
use crate::journal::Question;
use crate::workflow::model::{Plan, PlanNode, ScopeIndex, Work};

/// Waits that are added up one by one; further ones count as the last of them, which is the longest.
const WAITS: u32 = 1_000;

/// The longest time that something may take. Of two, the one with more parts without a bound is longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WorstTime {
    /// How many nodes of the path have no bound: no time-out, or items that are not known before.
    pub unbounded_nodes: u64,
    /// What the others add up to, in milliseconds.
    pub bounded_ms: u64,
}

impl WorstTime {
    /// The time, if it is bounded.
    #[must_use]
    pub fn bound(self) -> Option<Duration> {
        (self.unbounded_nodes == 0).then(|| Duration::from_millis(self.bounded_ms))
    }

    fn of(time: Option<Duration>) -> Self {
        match time {
            Some(time) => {
                Self { unbounded_nodes: 0, bounded_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) }
            }
            None => Self { unbounded_nodes: 1, bounded_ms: 0 },
        }
    }
}

impl Weight for WorstTime {
    fn zero() -> Self {
        Self::default()
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            unbounded_nodes: self.unbounded_nodes.saturating_add(other.unbounded_nodes),
            bounded_ms: self.bounded_ms.saturating_add(other.bounded_ms),
        }
    }

    fn minus(&self, other: &Self) -> Self {
        Self {
            unbounded_nodes: self.unbounded_nodes.saturating_sub(other.unbounded_nodes),
            bounded_ms: self.bounded_ms.saturating_sub(other.bounded_ms),
        }
    }
}

/// What is known of plans that are used more than once.
#[derive(Default)]
pub(super) struct Worst {
    plans: HashMap<*const Plan, Option<Duration>>,
}

impl Worst {
    /// For each node of a scope how long it may take. What waits for room (`max_parallel`), and what another side asks for
    /// before the next attempt, is not counted.
    pub(super) fn weights(&mut self, plan: &Plan, scope: ScopeIndex) -> Vec<WorstTime> {
        let nodes = plan.scope(scope).map(|scope| scope.nodes.as_slice()).unwrap_or_default();
        nodes.iter().map(|node| WorstTime::of(self.node(plan, node))).collect()
    }

    /// The longest time of a scope.
    fn scope(&mut self, plan: &Plan, index: ScopeIndex) -> Option<Duration> {
        let scope = plan.scope(index)?;
        let weights = self.weights(plan, index);
        let most = Dag::of(scope).heads(&weights).into_iter().max().unwrap_or_default();
        most.bound()
    }

    fn plan(&mut self, plan: &Arc<Plan>) -> Option<Duration> {
        if let Some(known) = self.plans.get(&Arc::as_ptr(plan)) {
            return *known;
        }
        let time = self.scope(plan, ScopeIndex(0));
        self.plans.insert(Arc::as_ptr(plan), time);
        time
    }

    fn node(&mut self, plan: &Plan, node: &PlanNode) -> Option<Duration> {
        let work = self.work(plan, &node.work);
        let limit = node.timeout.map(|limit| limit.span);
        let once = match (work, limit) {
            (Some(work), Some(limit)) => work.min(limit),
            (time, None) | (None, time) => time?,
        };
        let attempts = node.retry.max_attempts.max(1);
        let waits: Duration = (1..attempts.min(WAITS)).map(|failed| node.retry.wait_after(failed)).sum();
        let further = node.retry.wait_after(attempts).saturating_mul(attempts.saturating_sub(WAITS));
        Some(once.saturating_mul(attempts).saturating_add(waits).saturating_add(further))
    }

    /// What is done within an attempt; nothing if it has no bound by itself.
    fn work(&mut self, plan: &Plan, work: &Work) -> Option<Duration> {
        match work {
            Work::Tool(_) | Work::Llm(_) | Work::Agent(_) | Work::Swarm(_) | Work::Code(_) => None,
            // It ends with what it watches.
            Work::Monitor(_) => Some(Duration::ZERO),
            Work::Human(human) => question(&human.question),
            Work::Condition(condition) => {
                let mut most = Duration::ZERO;
                for scope in [condition.on_true, condition.on_false].into_iter().flatten() {
                    most = most.max(self.scope(plan, scope)?);
                }
                Some(most)
            }
            Work::Loop(each) => {
                let body = self.scope(plan, each.body)?;
                let items = u32::try_from(each.max_iterations?).ok()?;
                let at_once = u32::try_from(each.limit).unwrap_or(u32::MAX).max(1);
                Some(body.saturating_mul(items.div_ceil(at_once)))
            }
            Work::Parallel(parallel) => {
                let mut branches = Vec::with_capacity(parallel.branches.len());
                for branch in &parallel.branches {
                    branches.push(self.scope(plan, *branch)?);
                }
                let most = branches.iter().max().copied().unwrap_or_default();
                if branches.len() <= parallel.limit() {
                    return Some(most);
                }
                // Whatever the order, a branch begins once the others together leave room for it (Graham, 1969).
                let at_once = u32::try_from(parallel.limit()).unwrap_or(u32::MAX).max(1);
                let all = branches.iter().fold(Duration::ZERO, |sum, branch| sum.saturating_add(*branch));
                Some((all / at_once).saturating_add(most))
            }
            Work::Workflow(workflow) => self.plan(&workflow.plan),
            Work::Recursive(recursive) => {
                let first = self.scope(plan, recursive.first)?;
                let again = self.scope(plan, recursive.again)?;
                Some(first.saturating_add(again.saturating_mul(recursive.max_iterations.saturating_sub(1))))
            }
        }
    }
}

/// How long a question may wait for its answer.
fn question(question: &Question) -> Option<Duration> {
    let (first, _) = question.lapse(false)?;
    let then = if question.auto_approve_after.is_none() && question.escalation_path.is_some() {
        question.lapse(true)?.0
    } else {
        Duration::ZERO
    };
    Some(first.saturating_add(then))
}
