//! The state of a run: a fold over its records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, RandomState};
use ice_core::blueprint::KindName;
use ice_core::budget::Spend;
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::admission::Admission;
use super::budget::{Funds, Spending};
use super::frame::{Asked, Attempt, Frame, NodeState, Outcome, Place, StepState, WindingDown};
use super::input::Ticket;
use super::queue::Queue;
use super::under_way::UnderWay;
use crate::executors::FrameIndex;
use crate::journal::{Failure, Lapse, Manifest, NodeFailure, Question, RunStatus};
use crate::workflow::model::{Plan, PlanNode, ScopeIndex};

/// The most failures that are kept with their text.
pub(crate) const MAX_FAILURES: usize = 100;

/// The state of a run. Two states are equal if the same records were folded over equal plans.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub(crate) manifest: Arc<Manifest>,
    /// The number of the next record.
    pub(crate) next: u64,
    pub(crate) frames: Vec<Option<Frame>>,
    pub(crate) free: Vec<FrameIndex>,
    pub(crate) prefixes: AHashMap<Arc<str>, FrameIndex>,
    /// Nodes that reach the outside, and whose turn it is once there is room.
    pub(crate) leaves: Queue,
    /// Containers that something can be decided about at once: to open, or to be done with.
    pub(crate) containers: Queue,
    /// Which nodes of the top scope are let in.
    pub(crate) admission: Admission,
    pub(crate) attempts: UnderWay,
    /// Attempts that were cancelled with a container around them and have not ended.
    pub(crate) winding_down: BTreeMap<Ticket, WindingDown>,
    pub(crate) wakes: BTreeSet<(Moment, Place)>,
    pub(crate) deadlines: BTreeSet<(Moment, Place)>,
    pub(crate) in_doubt: BTreeSet<Place>,
    /// Questions without an answer.
    pub(crate) questions: BTreeSet<Place>,
    /// What ended within attempts that were in doubt, for when they are repeated.
    pub(crate) kept: BTreeMap<Place, Vec<StepState>>,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) parked: Option<Failure>,
    pub(crate) ended: Option<(RunStatus, Option<Failure>)>,
    pub(crate) failures: Vec<NodeFailure>,
    pub(crate) failed: u64,
    pub(crate) executed: u64,
    pub(crate) succeeded: u64,
    pub(crate) usage: Usage,
    pub(crate) spending: Spending,
    /// How far shared budgets let the run go, if there are any.
    pub(crate) funds: Option<Funds>,
    /// Whether nodes have budgets of their own.
    pub(crate) has_budgets: bool,
    /// What the next record's call was taken to take at worst; a replay sets it.
    pub(crate) told: Option<Spend>,
    pub(crate) first_at: Moment,
    pub(crate) last_at: Moment,
    pub(crate) output: Option<Value>,
}

/// Why nothing new starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// Somebody asked.
    Cancel { by: String, reason: Option<String> },
    /// This node failed under the policy `halt`.
    Halt(Box<NodeFailure>),
    /// It took longer than it may.
    Exceeded(Box<Failure>),
}

/// Where a node stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Waits for others.
    Queued,
    /// Under way.
    Running,
    /// Waits for its next attempt, for an answer, or for a decision.
    Waiting,
    /// Ended well.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Did not run.
    Skipped,
    /// Ended by cancellation.
    Cancelled,
}

impl State {
    /// The state before the first record after the manifest.
    #[must_use]
    pub fn new(manifest: Arc<Manifest>, plan: Arc<Plan>, at: Moment) -> Self {
        let (high, low) = manifest.run.uuid().as_u64_pair();
        let mut state = Self {
            next: 1,
            frames: Vec::new(),
            free: Vec::new(),
            // As good as drawn for this run, and costs nothing to draw.
            prefixes: AHashMap::with_hasher(RandomState::with_seeds(high, low, low, high)),
            leaves: Queue::default(),
            containers: Queue::default(),
            admission: Admission::new(manifest.options.max_concurrent),
            attempts: UnderWay::default(),
            winding_down: BTreeMap::new(),
            wakes: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            in_doubt: BTreeSet::new(),
            questions: BTreeSet::new(),
            kept: BTreeMap::new(),
            stopping: None,
            parked: None,
            ended: None,
            failures: Vec::new(),
            failed: 0,
            executed: 0,
            succeeded: 0,
            usage: Usage::default(),
            spending: Spending::default(),
            funds: None,
            has_budgets: plan.budgets,
            told: None,
            first_at: at,
            last_at: at,
            output: None,
            manifest,
        };
        let inputs = state.manifest.inputs.clone();
        state.push_frame(Frame {
            plan,
            scope: ScopeIndex(0),
            parent: None,
            prefix: None,
            bindings: Vec::new(),
            inputs,
            sees_parent: false,
            nodes: Vec::new(),
            left: 0,
            failed: None,
            overcome: None,
        });
        state
    }

    /// Gives back what the nodes of a run that has ended have left in memory. Only its end is known from then on.
    pub(crate) fn forget_frames(&mut self) {
        if self.ended.is_some() {
            self.frames = Vec::new();
        }
    }

    /// The run's manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether nothing new starts any more: the run is cancelled, or was halted by a failure.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// The number the next record will have.
    #[must_use]
    pub const fn next_number(&self) -> u64 {
        self.next
    }

    /// Where the run stands.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        if let Some((status, _)) = &self.ended {
            *status
        } else if self.parked.is_some() {
            RunStatus::Parked
        } else if self.next == 1 {
            RunStatus::Queued
        } else if !self.has_attempts() && !self.has_turns() && self.stopping.is_none() {
            RunStatus::Waiting
        } else {
            RunStatus::Running
        }
    }

    /// Why the run failed or is parked.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.ended {
            Some((_, failure)) => failure.as_ref(),
            None => self.parked.as_ref(),
        }
    }

    /// The nodes that failed for good, the first 100.
    #[must_use]
    pub fn failures(&self) -> &[NodeFailure] {
        &self.failures
    }

    /// How many nodes failed for good.
    #[must_use]
    pub const fn failed_nodes(&self) -> u64 {
        self.failed
    }

    /// How many attempts were started.
    #[must_use]
    pub const fn attempts_started(&self) -> u64 {
        self.executed
    }

    /// Tokens spent so far.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// When the run was accepted.
    #[must_use]
    pub const fn started_at(&self) -> Moment {
        self.first_at
    }

    /// When the newest record was written.
    #[must_use]
    pub const fn updated_at(&self) -> Moment {
        self.last_at
    }

    /// The output so far: top-level node id to output, without skipped and failed nodes.
    #[must_use]
    pub fn output(&self) -> Value {
        if let Some(output) = &self.output {
            return output.clone();
        }
        self.frame(0).map_or(Value::Null, |frame| Value::from(frame.outputs()))
    }

    /// Where the top-level nodes stand, in file order.
    #[must_use]
    pub fn nodes(&self) -> Vec<(NodePath, NodeStatus)> {
        let Some(frame) = self.frame(0) else { return Vec::new() };
        let indices = 0..u32::try_from(frame.nodes.len()).unwrap_or(u32::MAX);
        indices.filter_map(|node| Some((frame.path(node)?, status_of(frame.state(node)?)))).collect()
    }

    /// Whether nothing goes on, or would by itself but for lack of an answer, until somebody answers.
    #[must_use]
    pub fn waits_for_people(&self) -> bool {
        let is_asking = |place: &Place| self.questions.contains(place);
        !self.questions.is_empty()
            && self.status() == RunStatus::Waiting
            && self.wakes.iter().all(|(_, place)| is_asking(place))
    }

    /// The earliest moment at which something is due, if any.
    #[must_use]
    pub fn next_timer(&self) -> Option<Moment> {
        let wake = self.wakes.first().map(|(at, _)| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        if self.ended.is_some() || self.parked.is_some() || self.stopping.is_some() {
            return None;
        }
        [wake, deadline, self.time_is_up()].into_iter().flatten().min()
    }

    /// When the run has taken as long as it may.
    pub(crate) fn time_is_up(&self) -> Option<Moment> {
        let limit = self.manifest.options.max_time_ms?;
        Some(self.first_at.plus(Duration::from_millis(limit)))
    }

    pub(crate) fn frame(&self, index: FrameIndex) -> Option<&Frame> {
        self.frames.get(index as usize)?.as_ref()
    }

    pub(crate) fn frame_mut(&mut self, index: FrameIndex) -> Option<&mut Frame> {
        self.frames.get_mut(index as usize)?.as_mut()
    }

    pub(crate) fn node_state(&self, place: Place) -> Option<&NodeState> {
        self.frame(place.frame)?.state(place.node)
    }

    pub(crate) fn set_state(&mut self, place: Place, state: NodeState) -> Option<NodeState> {
        let slot = self.frame_mut(place.frame)?.nodes.get_mut(place.node as usize)?;
        Some(std::mem::replace(slot, state))
    }

    pub(crate) fn plan_node(&self, place: Place) -> Option<&PlanNode> {
        self.frame(place.frame)?.plan_node(place.node)
    }

    pub(crate) fn path(&self, place: Place) -> Option<NodePath> {
        self.frame(place.frame)?.path(place.node)
    }

    /// Whether an attempt is under way, be it that it only has to end.
    pub(crate) fn has_attempts(&self) -> bool {
        !self.attempts.is_empty() || !self.winding_down.is_empty()
    }

    /// Whether something can be decided about some node now.
    pub(crate) const fn has_turns(&self) -> bool {
        !self.leaves.is_empty() || !self.containers.is_empty()
    }

    /// The queue a node waits in for its turn.
    pub(crate) const fn queue_of(&mut self, node: &PlanNode) -> &mut Queue {
        if node.work.is_leaf() { &mut self.leaves } else { &mut self.containers }
    }

    /// The attempt under way at a place.
    pub(crate) fn attempt(&self, place: Place) -> Option<&Attempt> {
        match self.node_state(place)? {
            NodeState::Running(attempt) => Some(attempt),
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Asked(_)
            | NodeState::Watching(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_) => None,
        }
    }

    /// The question at a place.
    pub(crate) fn asked(&self, place: Place) -> Option<&Asked> {
        match self.node_state(place)? {
            NodeState::Asked(asked) => Some(asked),
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Running(_)
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Watching(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_) => None,
        }
    }

    /// The place a path names, if its frame is open.
    pub(crate) fn locate(&self, path: &NodePath) -> Option<Place> {
        let nested = if self.prefixes.is_empty() { None } else { path.as_str().rsplit_once('.') };
        let (index, id) = match nested {
            Some((prefix, id)) => (*self.prefixes.get(prefix)?, id),
            None => (0, path.as_str()),
        };
        let node = *self.frame(index)?.scope()?.by_id.get(id)?;
        Some(Place { frame: index, node })
    }

    /// Opens a frame and queues its nodes that wait for nothing, as many as are let in at the top.
    pub(crate) fn push_frame(&mut self, mut frame: Frame) -> FrameIndex {
        let index = self.free.pop().unwrap_or(u32::try_from(self.frames.len()).unwrap_or(u32::MAX));
        let plan = Arc::clone(&frame.plan);
        let nodes = plan.scope(frame.scope).map(|scope| scope.nodes.as_slice()).unwrap_or_default();
        frame.left = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        frame.nodes = Vec::with_capacity(nodes.len());
        for (node, number) in nodes.iter().zip(0_u32..) {
            let left = u32::try_from(node.dependencies.len()).unwrap_or(u32::MAX);
            let is_free = left == 0 && (frame.parent.is_some() || self.admission.lets_in(node, number));
            frame.nodes.push(if is_free {
                let spot = self.queue_of(node).push(Place { frame: index, node: number });
                NodeState::Queued { attempts: 0, spot }
            } else {
                NodeState::Waiting { left }
            });
        }
        if let Some(prefix) = &frame.prefix {
            self.prefixes.insert(prefix.shared(), index);
        }
        match self.frames.get_mut(index as usize) {
            Some(slot) => *slot = Some(frame),
            None => self.frames.push(Some(frame)),
        }
        index
    }
}

fn status_of(state: &NodeState) -> NodeStatus {
    match state {
        NodeState::Waiting { .. } | NodeState::Queued { .. } => NodeStatus::Queued,
        NodeState::Running(_) | NodeState::Open(_) | NodeState::Watching(_) => NodeStatus::Running,
        NodeState::Backoff { .. } | NodeState::Asked(_) | NodeState::InDoubt { .. } => NodeStatus::Waiting,
        NodeState::Done(Outcome::Succeeded(_)) => NodeStatus::Succeeded,
        NodeState::Done(Outcome::Failed) => NodeStatus::Failed,
        NodeState::Done(Outcome::Skipped(_)) => NodeStatus::Skipped,
        NodeState::Done(Outcome::Cancelled) => NodeStatus::Cancelled,
    }
}

impl State {
    /// The nodes whose last attempt's outcome is unknown.
    #[must_use]
    pub fn doubtful(&self) -> Vec<NodePath> {
        self.in_doubt.iter().filter_map(|place| self.path(*place)).collect()
    }

    /// The kind of the node an attempt belongs to.
    pub(crate) fn kind_of(&self, ticket: Ticket) -> Option<KindName> {
        self.plan_node(self.attempts.place(ticket)?).map(|node| node.kind)
    }

    /// The nodes with an attempt under way.
    pub(crate) fn under_way(&self) -> Vec<NodePath> {
        self.attempts.iter().filter_map(|(_, place)| self.path(place)).collect()
    }

    /// The attempt under way at a path.
    pub(crate) fn ticket_at(&self, path: &NodePath) -> Option<Ticket> {
        self.attempt(self.locate(path)?).map(|attempt| attempt.ticket)
    }

    /// The question at a path that waits for an answer, and the number of the record with which it was asked.
    pub(crate) fn question_at(&self, path: &NodePath) -> Option<(u64, &Question)> {
        let asked = self.asked(self.locate(path)?)?;
        let is_open = asked.answer.is_none() && self.stopping.is_none() && self.ended.is_none();
        is_open.then_some((asked.number, &asked.question))
    }

    /// What becomes of the question at a path without an answer, and when.
    pub(crate) fn lapse_at(&self, path: &NodePath) -> Option<(Moment, Lapse)> {
        self.asked(self.locate(path)?)?.lapse()
    }

    /// The kind of the node at a path.
    pub(crate) fn kind_at(&self, path: &NodePath) -> Option<KindName> {
        self.plan_node(self.locate(path)?).map(|node| node.kind)
    }
}
