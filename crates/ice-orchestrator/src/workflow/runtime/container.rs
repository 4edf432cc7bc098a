//! An open container: the frames it runs and what they gave.

use std::sync::Arc;

use ice_core::blueprint::WaitStrategy;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::frame::Frame;
use super::queue::Spot;
use super::scope::Frames;
use crate::executors::builtin::recursive::{self, Iteration, Next};
use crate::executors::builtin::{condition, r#loop, parallel, workflow};
use crate::executors::{FrameIndex, NewFrame, Slot};
use crate::journal::{Failure, NodeFailure, Opening};
use crate::workflow::model::{Plan, PlanNode, Work};

/// An open container.
#[derive(Clone, Debug, PartialEq)]
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
    /// Where it is queued for its decision, once it is.
    pub(crate) spot: Option<Spot>,
    /// The first failure within its frames that a container there closed in spite of.
    pub(crate) overcome: Option<Box<NodeFailure>>,
    /// Whether an effect within that cannot be repeated has happened, or may have: then the container is not
    /// tried again.
    pub(crate) touched: bool,
    /// The iteration under way, of a recursive node: its frame is the one in the only slot.
    pub(crate) iteration: Option<Iteration>,
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
            Work::Workflow(_) | Work::Recursive(_) => (1, 1, WaitStrategy::All),
            Work::Tool(_)
            | Work::Llm(_)
            | Work::Agent(_)
            | Work::Swarm(_)
            | Work::Code(_)
            | Work::Human(_)
            | Work::Monitor(_) => (0, 1, WaitStrategy::All),
        };
        Self {
            attempt,
            opening,
            deadline: node.timeout.map(|limit| at.plus(limit.span)),
            slots: vec![Slot::Empty; slots],
            next: 0,
            open: 0,
            limit,
            wait,
            spot: None,
            overcome: None,
            touched: false,
            iteration: match &node.work {
                Work::Recursive(plan) => Some(recursive::first(plan)),
                Work::Condition(_)
                | Work::Loop(_)
                | Work::Parallel(_)
                | Work::Workflow(_)
                | Work::Tool(_)
                | Work::Llm(_)
                | Work::Agent(_)
                | Work::Swarm(_)
                | Work::Code(_)
                | Work::Human(_)
                | Work::Monitor(_) => None,
            },
        }
    }

    /// The frame of slot `index`.
    pub(crate) fn frame(&self, plan: &Arc<Plan>, node: &PlanNode, index: usize) -> Option<NewFrame> {
        match &node.work {
            Work::Condition(work) => condition::frame(plan, work, &self.opening),
            Work::Loop(work) => r#loop::frame(plan, work, &self.opening, index),
            Work::Parallel(work) => parallel::frame(plan, work, index),
            Work::Workflow(work) => workflow::frame(work, &self.opening),
            Work::Recursive(work) => Some(recursive::frame(plan, work, self.iteration.as_ref()?)),
            Work::Tool(_)
            | Work::Llm(_)
            | Work::Agent(_)
            | Work::Swarm(_)
            | Work::Code(_)
            | Work::Human(_)
            | Work::Monitor(_) => None,
        }
    }

    /// Keeps what a frame gave.
    pub(crate) fn fill(&mut self, index: usize, frame: &mut Frame) {
        self.open = self.open.saturating_sub(1);
        let ended = match frame.failed.take() {
            Some(failure) => Slot::Failed(failure),
            None if self.keeps_last() => Slot::Ended(frame.last_output()),
            None => Slot::Ended(Value::from(frame.all_outputs())),
        };
        if self.overcome.is_none() && matches!(ended, Slot::Ended(_)) {
            self.overcome = frame.overcome.take();
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = ended;
        }
    }

    /// Keeps that a frame without nodes has ended, as it opened.
    pub(crate) fn fill_empty(&mut self, index: usize) {
        let nothing = if self.keeps_last() { Value::Null } else { Value::empty_map() };
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot::Ended(nothing);
        }
    }

    const fn keeps_last(&self) -> bool {
        match &self.opening {
            Opening::Loop { .. } => true,
            Opening::Condition { .. } | Opening::Parallel | Opening::Workflow { .. } | Opening::Recursive => {
                false
            }
        }
    }

    /// The frames that are open.
    pub(crate) fn frames(&self) -> Vec<FrameIndex> {
        if self.open == 0 {
            return Vec::new();
        }
        let open = self.slots.iter().filter_map(|slot| match slot {
            Slot::Open(frame) => Some(*frame),
            Slot::Empty | Slot::Ended(_) | Slot::Failed(_) => None,
        });
        open.collect()
    }

    /// Whether nothing more needs to run.
    pub(crate) fn is_done(&self) -> bool {
        let all = self.next == self.slots.len() && self.open == 0;
        all || match self.wait {
            WaitStrategy::All => false,
            WaitStrategy::Any => self.has_won(),
            WaitStrategy::Race => self.slots.iter().any(|slot| match slot {
                Slot::Ended(_) | Slot::Failed(_) => true,
                Slot::Empty | Slot::Open(_) => false,
            }),
        }
    }

    fn has_won(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Ended(_)))
    }

    /// The first failure among the slots, unless another slot won.
    pub(crate) fn failure(&self) -> Option<&NodeFailure> {
        let forgives = match self.wait {
            WaitStrategy::All => false,
            WaitStrategy::Any | WaitStrategy::Race => self.has_won(),
        };
        self.slots.iter().find_map(|slot| match slot {
            Slot::Failed(failure) if !forgives => Some(&**failure),
            Slot::Empty | Slot::Open(_) | Slot::Ended(_) | Slot::Failed(_) => None,
        })
    }

    /// Whether the container can close with the slots that ended well, though others failed: a loop, and a
    /// parallel node that waits for all. The others have nothing to go on with.
    pub(crate) fn can_close_in_part(&self) -> bool {
        match &self.opening {
            Opening::Loop { .. } => true,
            Opening::Parallel => self.wait == WaitStrategy::All,
            Opening::Condition { .. } | Opening::Workflow { .. } | Opening::Recursive => false,
        }
    }

    /// The first failure in spite of which the container closes: the run fails because of it nevertheless.
    pub(crate) fn close_in_spite_of(&mut self) -> Option<Box<NodeFailure>> {
        self.failure().cloned().map(Box::new).or_else(|| self.overcome.take())
    }

    /// What comes after the frames of a container that are done and did not fail: its output, or another iteration. `around` are
    /// the frames around the container.
    pub(crate) fn next(&self, node: &PlanNode, around: &Frames<'_>) -> Result<Next, Failure> {
        let output = match &node.work {
            Work::Condition(work) => condition::output(work, &self.opening, &self.slots),
            Work::Loop(_) => r#loop::output(&self.slots),
            Work::Parallel(work) => parallel::output(work, &self.slots),
            Work::Workflow(work) => workflow::output(work, &self.slots)?,
            Work::Recursive(work) => match &self.iteration {
                Some(iteration) => return recursive::next(work, iteration, &self.slots, &around.env()?),
                None => Value::Null,
            },
            Work::Tool(_)
            | Work::Llm(_)
            | Work::Agent(_)
            | Work::Swarm(_)
            | Work::Code(_)
            | Work::Human(_)
            | Work::Monitor(_) => Value::Null,
        };
        Ok(Next::Done(output))
    }

    /// Goes on from an iteration that has ended to the one after it, whose frame is to be opened.
    pub(crate) fn iterate(&mut self, next: Iteration) {
        self.iteration = Some(next);
        self.slots.fill(Slot::Empty);
        self.next = 0;
        self.spot = None;
    }
}
