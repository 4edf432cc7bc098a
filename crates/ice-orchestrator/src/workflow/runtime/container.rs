//! An open container: the frames it runs and what they gave.

use std::sync::Arc;

use ice_core::blueprint::WaitStrategy;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::{Map, Value};

use super::frame::Frame;
use crate::executors::builtin::{condition, r#loop, parallel, workflow};
use crate::journal::{Failure, Opening};
use crate::workflow::model::{Plan, PlanNode, ScopeIndex, Work};

/// An open container.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) attempt: u32,
    pub(crate) opening: Opening,
    /// When it must be done.
    pub(crate) deadline: Option<Moment>,
    /// One per frame it runs, in order; filled as frames end.
    pub(crate) slots: Vec<Slot>,
    /// The slots before this one have been opened.
    pub(crate) next: usize,
    /// Open frames.
    pub(crate) open: usize,
    /// The most frames open at once.
    pub(crate) limit: usize,
    /// When it is done.
    pub(crate) wait: WaitStrategy,
    /// Whether it has been queued for its decision.
    pub(crate) queued: bool,
}

/// What one frame of a container gave.
#[derive(Clone, Debug, Default)]
pub(crate) enum Slot {
    /// Not ended.
    #[default]
    Empty,
    /// Ended: the outputs by node id, and the output of the last node.
    Ended { outputs: Arc<Map>, last: Value },
    /// Ended with a failed node.
    Failed { path: NodePath, failure: Failure },
}

/// What a new frame of a container looks like.
pub(crate) struct NewFrame {
    pub(crate) plan: Arc<Plan>,
    pub(crate) scope: ScopeIndex,
    /// The text after the container's path, for example `[3].body`.
    pub(crate) suffix: String,
    pub(crate) bindings: Vec<(Arc<str>, Value)>,
    /// The inputs of a sub-workflow; nothing to keep those of the parent.
    pub(crate) inputs: Option<Value>,
}

impl Container {
    /// Opens a container of `node`, which belongs to `plan`.
    pub(crate) fn open(node: &PlanNode, attempt: u32, opening: Opening, at: Moment) -> Self {
        let (slots, limit, wait) = match &node.work {
            Work::Condition(plan) => (condition::slots(plan, &opening), 1, WaitStrategy::All),
            Work::Loop(plan) => {
                let (slots, limit) = r#loop::slots(plan, &opening);
                (slots, limit, WaitStrategy::All)
            }
            Work::Parallel(plan) => (plan.branches.len(), plan.limit(), plan.wait),
            Work::Workflow(_) => (1, 1, WaitStrategy::All),
            Work::Tool(_) | Work::Llm(_) => (0, 1, WaitStrategy::All),
        };
        Self {
            attempt,
            opening,
            deadline: node.timeout.map(|span| at.plus(span)),
            slots: vec![Slot::Empty; slots],
            next: 0,
            open: 0,
            limit,
            wait,
            queued: false,
        }
    }

    /// The frame of slot `index`.
    pub(crate) fn frame(&self, plan: &Arc<Plan>, node: &PlanNode, index: usize) -> Option<NewFrame> {
        match &node.work {
            Work::Condition(work) => condition::frame(plan, work, &self.opening),
            Work::Loop(work) => r#loop::frame(plan, work, &self.opening, index),
            Work::Parallel(work) => parallel::frame(plan, work, index),
            Work::Workflow(work) => workflow::frame(work, &self.opening),
            Work::Tool(_) | Work::Llm(_) => None,
        }
    }

    /// Keeps what a frame gave.
    pub(crate) fn fill(&mut self, index: usize, frame: &Frame) {
        self.open = self.open.saturating_sub(1);
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = match &frame.failed {
                Some((path, failure)) => Slot::Failed { path: path.clone(), failure: failure.clone() },
                None => Slot::Ended { outputs: Arc::new(frame.outputs()), last: frame.last_output() },
            };
        }
    }

    /// Whether nothing more needs to run.
    pub(crate) fn is_done(&self) -> bool {
        let ended = |slot: &Slot| !matches!(slot, Slot::Empty);
        let all = self.next == self.slots.len() && self.open == 0;
        match self.wait {
            WaitStrategy::All => all,
            WaitStrategy::Any => all || self.slots.iter().any(|slot| matches!(slot, Slot::Ended { .. })),
            WaitStrategy::Race => all || self.slots.iter().any(ended),
        }
    }

    /// The first failure among the slots, if it makes the container fail.
    pub(crate) fn failure(&self) -> Option<(&NodePath, &Failure)> {
        let won = self.slots.iter().any(|slot| matches!(slot, Slot::Ended { .. }));
        let forgives = match self.wait {
            WaitStrategy::All => false,
            WaitStrategy::Any | WaitStrategy::Race => won,
        };
        self.slots.iter().find_map(|slot| match slot {
            Slot::Failed { path, failure } if !forgives => Some((path, failure)),
            Slot::Empty | Slot::Ended { .. } | Slot::Failed { .. } => None,
        })
    }

    /// The output of a container that is done and did not fail.
    pub(crate) fn output(&self, node: &PlanNode) -> Result<Value, Failure> {
        match &node.work {
            Work::Condition(_) => Ok(condition::output(&self.opening, &self.slots)),
            Work::Loop(_) => Ok(r#loop::output(&self.slots)),
            Work::Parallel(work) => Ok(parallel::output(work, &self.slots)),
            Work::Workflow(work) => workflow::output(work, &self.slots),
            Work::Tool(_) | Work::Llm(_) => Ok(Value::Null),
        }
    }
}
