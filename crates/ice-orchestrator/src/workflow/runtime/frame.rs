//! A frame: one execution of a scope, with the state of each of its nodes.

use std::sync::Arc;

use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::tools::Effect;
use ice_core::value::{Map, Value};

use super::container::Container;
use super::input::Ticket;
use super::queue::Spot;
use super::watching::Watch;
use crate::executors::FrameIndex;
use crate::journal::{Answer, Failure, Intent, Lapse, NodeFailure, Question, SkipReason};
use crate::workflow::model::{NodeIndex, Plan, PlanNode, Scope, ScopeIndex};

/// A node within a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) frame: FrameIndex,
    pub(crate) node: NodeIndex,
}

/// One execution of a scope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) plan: Arc<Plan>,
    pub(crate) scope: ScopeIndex,
    /// The container it belongs to and the slot it fills; none for the top.
    pub(crate) parent: Option<(Place, usize)>,
    /// The path its nodes hang below; none for the top.
    pub(crate) prefix: Option<NodePath>,
    /// Loop variables and the like, innermost last.
    pub(crate) bindings: Vec<(Arc<str>, Value)>,
    /// The inputs of the blueprint this scope belongs to.
    pub(crate) inputs: Value,
    /// Whether names of the parent frame are in scope: not across the border of a sub-workflow.
    pub(crate) sees_parent: bool,
    pub(crate) nodes: Vec<NodeState>,
    /// Nodes that are not done.
    pub(crate) left: u32,
    /// The first failure of a node of this frame.
    pub(crate) failed: Option<Box<NodeFailure>>,
    /// The first failure further within that a container of this frame closed in spite of.
    pub(crate) overcome: Option<Box<NodeFailure>>,
}

/// Where a node of a frame stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeState {
    /// Waits for this many dependencies.
    Waiting { left: u32 },
    /// In the queue of what can be decided, with the attempts made so far.
    Queued { attempts: u32, spot: Spot },
    /// An attempt is under way.
    Running(Box<Attempt>),
    /// Waits for its next attempt.
    Backoff { attempts: u32, until: Moment },
    /// A container whose nested nodes run.
    Open(Box<Container>),
    /// A person was asked.
    Asked(Box<Asked>),
    /// A monitor at work; while it tells its channels it is an attempt under way.
    Watching(Box<Watch>),
    /// An attempt whose outcome is unknown.
    InDoubt { attempts: u32 },
    /// Done.
    Done(Outcome),
}

impl NodeState {
    /// What the node gave; null if it is not done, or gave nothing.
    fn value(&self) -> Value {
        match self {
            Self::Done(outcome) => outcome.value(),
            Self::Waiting { .. }
            | Self::Queued { .. }
            | Self::Running(_)
            | Self::Backoff { .. }
            | Self::Open(_)
            | Self::Asked(_)
            | Self::Watching(_)
            | Self::InDoubt { .. } => Value::Null,
        }
    }
}

/// An attempt under way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) ticket: Ticket,
    pub(crate) number: u32,
    pub(crate) intent: Intent,
    pub(crate) effect: Effect,
    pub(crate) steps: Vec<StepState>,
    /// The monitor whose channels it tells.
    pub(crate) watch: Option<Box<Watch>>,
}

impl Attempt {
    /// Whether something that cannot be repeated has happened within the attempt so far, or may have: asked
    /// while it is under way, or after it ended with an unknown outcome.
    pub(crate) fn touches(&self) -> bool {
        !self.effect.is_repeatable() || self.has_touched()
    }

    /// Whether one of its steps that cannot be repeated has happened, or may have.
    pub(crate) fn has_touched(&self) -> bool {
        self.steps.iter().any(|step| {
            let happened = match &step.receipt {
                Some(Err(failure)) => failure.unknown_outcome,
                Some(Ok(_)) | None => true,
            };
            happened && !step.effect.is_repeatable()
        })
    }

    /// What may have happened without being recorded: that of the steps under way, if there are some.
    pub(crate) fn open_effect(&self) -> Effect {
        let open = self.steps.iter().filter(|step| step.receipt.is_none());
        open.map(|step| step.effect).max().unwrap_or(self.effect)
    }

    /// Whether a step was announced and has not ended.
    pub(crate) fn is_open(&self, step: &NodePath) -> bool {
        self.steps.iter().rev().any(|known| known.path == *step && known.receipt.is_none())
    }

    /// What ended within the attempt and need not be made again after a failure: all, if it is that of a step which may be
    /// made again.
    pub(crate) fn kept_after(&self, failure: &Failure) -> Option<Vec<StepState>> {
        let is_it = |step: &StepState| match &step.receipt {
            Some(Err(known)) => known.code == failure.code && known.message == failure.message,
            Some(Ok(_)) | None => false,
        };
        let at = self.steps.iter().rposition(is_it)?;
        let may_be_repeated = |step: &StepState| step.effect.is_repeatable();
        let (failed, others) = self.steps.split_at(at).1.split_first()?;
        let before = self.steps.iter().take(at);
        let kept = before.chain(others).filter(|step| step.receipt.is_some());
        let open = self.steps.iter().filter(|step| step.receipt.is_none());
        let safe = (may_be_repeated(failed) || !failure.unknown_outcome) && open.clone().all(may_be_repeated);
        safe.then(|| kept.cloned().collect())
    }
}

/// A question that a person was asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// The number of its record.
    pub(crate) number: u64,
    pub(crate) attempt: u32,
    pub(crate) question: Question,
    pub(crate) at: Moment,
    pub(crate) escalated_at: Option<Moment>,
    /// The answer, and when it came; the node is then in the queue of what can be decided.
    pub(crate) answer: Option<(Answer, Moment, Spot)>,
    /// The step of the attempt that asks, if one does.
    pub(crate) step: Option<NodePath>,
}

impl Asked {
    /// What happens without an answer, and when.
    pub(crate) fn lapse(&self) -> Option<(Moment, Lapse)> {
        let (span, lapse) = self.question.lapse(self.escalated_at.is_some())?;
        Some((self.escalated_at.unwrap_or(self.at).plus(span), lapse))
    }

    /// When that is, as long as there is no answer.
    pub(crate) fn due(&self) -> Option<Moment> {
        self.lapse().map(|(at, _)| at).filter(|_| self.answer.is_none())
    }
}

/// An attempt that was cancelled with a container around it and has not ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WindingDown {
    pub(crate) node: NodePath,
    /// Whether what it may have done can be repeated.
    pub(crate) repeatable: bool,
}

/// A step within an attempt: announced, and its receipt once it ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepState {
    pub(crate) path: NodePath,
    pub(crate) effect: Effect,
    pub(crate) receipt: Option<Result<Value, Failure>>,
}

/// How a node ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Succeeded(Value),
    Failed,
    Skipped(SkipReason),
    Cancelled,
}

impl Outcome {
    /// What dependants read: null for everything but success.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Succeeded(value) => value.clone(),
            Self::Failed | Self::Skipped(_) | Self::Cancelled => Value::Null,
        }
    }
}

impl Frame {
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.plan.scope(self.scope)
    }

    pub(crate) fn plan_node(&self, node: NodeIndex) -> Option<&PlanNode> {
        self.scope()?.node(node)
    }

    pub(crate) fn state(&self, node: NodeIndex) -> Option<&NodeState> {
        self.nodes.get(node as usize)
    }

    pub(crate) fn outcome(&self, node: NodeIndex) -> Option<&Outcome> {
        match self.state(node)? {
            NodeState::Done(outcome) => Some(outcome),
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Running(_)
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Asked(_)
            | NodeState::Watching(_)
            | NodeState::InDoubt { .. } => None,
        }
    }

    /// The path of a node of this frame.
    pub(crate) fn path(&self, node: NodeIndex) -> Option<NodePath> {
        let id = &self.plan_node(node)?.id;
        Some(match &self.prefix {
            Some(prefix) => prefix.child(id),
            None => NodePath::root(id),
        })
    }

    /// The outputs of all nodes that succeeded, by id: skipped and failed ones are left out.
    pub(crate) fn outputs(&self) -> Map {
        let Some(scope) = self.scope() else { return Map::default() };
        let mut outputs = Vec::with_capacity(scope.nodes.len());
        for (node, state) in scope.nodes.iter().zip(&self.nodes) {
            if let NodeState::Done(Outcome::Succeeded(value)) = state {
                outputs.push((node.id.shared(), value.clone()));
            }
        }
        // No two nodes of a scope have the same id.
        Map::of_distinct(outputs)
    }

    /// The outputs of all nodes, by id: null for those that did not run or gave nothing.
    pub(crate) fn all_outputs(&self) -> Map {
        let scope = self.scope().map(|scope| scope.nodes.as_slice()).unwrap_or_default();
        let output = |(node, state): (&PlanNode, &NodeState)| (node.id.shared(), state.value());
        Map::of_distinct(scope.iter().zip(&self.nodes).map(output).collect())
    }

    /// The output of the last node in file order; null if it has none.
    pub(crate) fn last_output(&self) -> Value {
        self.nodes.last().map(NodeState::value).unwrap_or_default()
    }
}
