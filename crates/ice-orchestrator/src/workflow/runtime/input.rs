//! What the state machine is told, and what it tells its driver to do.

use std::sync::Arc;

use ice_core::budget::{Budget, Spend};
use ice_core::id::Principal;
use ice_core::path::NodePath;
use ice_core::tools::Effect;
use ice_core::value::Value;

use crate::executors::{Completion, Observation};
use crate::journal::{Answer, Body, Decision, Failure, Intent};
use crate::workflow::model::{NodeIndex, Plan, PlanNode, ScopeIndex, Work};

/// Names an attempt: the number of its [`Body::Started`] record.
pub type Ticket = u64;

/// Something the state machine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// Nothing new: do whatever is possible.
    Advance,
    /// Time has passed.
    Tick,
    /// An attempt ended.
    Completed {
        /// Which.
        ticket: Ticket,
        /// What it gave.
        result: Result<Completion, Failure>,
        /// Whether it had to be given up because it ignored its cancellation.
        unresponsive: bool,
    },
    /// An attempt announces a step.
    StepAnnounced {
        /// The attempt.
        ticket: Ticket,
        /// The step.
        step: NodePath,
        /// What it is going to do.
        intent: Intent,
        /// What that may do to the world.
        effect: Effect,
    },
    /// A step ended.
    StepEnded {
        /// The attempt.
        ticket: Ticket,
        /// The step.
        step: NodePath,
        /// What it gave.
        result: Result<Completion, Failure>,
    },
    /// Something about what an attempt does that is worth keeping.
    Observed {
        /// The attempt.
        ticket: Ticket,
        /// The node or step.
        address: NodePath,
        /// What there is to keep.
        observation: Observation,
    },
    /// An attempt was given up before it did anything: it can be made again, whatever its effect.
    Withdrawn {
        /// Which.
        ticket: Ticket,
        /// Who gave it up.
        by: Principal,
    },
    /// Somebody asks for the run to be cancelled.
    Cancel {
        /// Who.
        by: Principal,
        /// Why.
        reason: Option<String>,
    },
    /// The state was folded from a journal after its process ended: attempts under way are lost.
    Recovered {
        /// Who took the run up.
        by: Principal,
        /// The owner's new epoch.
        epoch: u64,
    },
    /// Somebody answers a question.
    Answer {
        /// The node that asked.
        node: NodePath,
        /// The number of the record with which it did.
        question: u64,
        /// The answer.
        answer: Answer,
    },
    /// Shared budgets let the run go so far, as [`Body::Funded`] says.
    Funded {
        /// What the run may have spent in all.
        until: Budget,
        /// Why it is not what was [asked for](Decided::short).
        refused: Option<Box<str>>,
    },
    /// Somebody decides about a node in doubt.
    Settle {
        /// The node.
        node: NodePath,
        /// What is decided.
        decision: Decision,
        /// Who decides.
        by: Principal,
    },
}

/// Something the driver must do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Start an attempt, after everything decided so far is durable if the effect
    /// [needs a barrier](Effect::needs_barrier).
    Start(Start),
    /// Cancel an attempt that is under way. May come more than once.
    Cancel(Ticket),
}

/// An attempt to be started.
#[derive(Clone, Debug)]
pub struct Start {
    /// Names the attempt.
    pub ticket: Ticket,
    /// The node.
    pub path: NodePath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What to do.
    pub intent: Intent,
    /// What that may do to the world.
    pub effect: Effect,
    /// The receipts of steps that ended before a crash.
    pub receipts: Vec<(NodePath, Result<Value, Failure>)>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) scope: ScopeIndex,
    pub(crate) node: NodeIndex,
}

impl Start {
    /// Whether it is the call of a tool and nothing else.
    pub(crate) fn is_call(&self) -> bool {
        let is_tool = |node: &PlanNode| matches!(node.work, Work::Tool(_));
        matches!(self.intent, Intent::Tool { .. }) && self.plan_node().is_some_and(is_tool)
    }

    pub(crate) fn plan_node(&self) -> Option<&PlanNode> {
        self.plan.scope(self.scope)?.node(self.node)
    }
}

/// What was decided: records to be applied and kept in this order, then commands.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// The records.
    pub records: Vec<Body>,
    /// The commands.
    pub commands: Vec<Command>,
    /// What the run has to be let spend in all before this input can be decided: nothing else is decided then. Whoever asks
    /// tells what came of it ([`Input::Funded`]), and the input again.
    pub short: Option<Spend>,
}

impl Decided {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.commands.is_empty() && self.short.is_none()
    }
}
