//! What happens next.

use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::Principal;
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::tools::Effect;
use ice_core::value::Value;

use super::apply::open_frames;
use super::container::Container;
use super::frame::{Frame, FrameIndex, NodeState, Outcome, Place};
use super::scope::Env;
use super::state::{State, Stopping};
use crate::executors::Completion;
use crate::executors::builtin::{self, Begin};
use crate::journal::{Body, Decision, Failure, FailurePolicy, Intent, RunStatus, SkipReason};
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
        result: Result<Value, Failure>,
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
    /// Somebody decides about a node in doubt.
    Settle {
        /// The node.
        node: NodePath,
        /// What is decided.
        decision: Decision,
        /// Who decides.
        by: Principal,
    },
    /// The run cannot go on.
    Park {
        /// Why.
        failure: Failure,
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
}

impl Decided {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.commands.is_empty()
    }
}

/// Decides what an input means for a run. Depends on nothing but its arguments.
///
/// The caller applies the records in order, keeps them, carries the commands out, and asks again with
/// [`Input::Advance`] until nothing is decided.
#[must_use]
pub fn decide(state: &State, input: Input, now: Moment) -> Decided {
    let mut decider = Decider { state, now, out: Decided::default() };
    if state.ended.is_some() {
        return decider.out;
    }
    match input {
        Input::Advance => decider.advance(),
        Input::Tick => decider.tick(),
        Input::Completed { ticket, result, unresponsive } => decider.completed(ticket, result, unresponsive),
        Input::StepAnnounced { ticket, step, intent, effect } => {
            if let Some((_, node)) = decider.attempt(ticket) {
                decider.out.records.push(Body::Step { step, node, intent, effect });
            }
        }
        Input::StepEnded { ticket, step, result } => {
            if let Some((_, node)) = decider.attempt(ticket) {
                decider.out.records.push(Body::Receipt { step, node, result });
            }
        }
        Input::Cancel { by, reason } => {
            if !matches!(state.stopping, Some(Stopping::Cancel { .. })) {
                decider.out.records.push(Body::Cancelling { by, reason });
            }
        }
        Input::Recovered { by, epoch } => decider.recovered(by, epoch),
        Input::Settle { node, decision, by } => {
            let place = state.locate(&node).and_then(|place| state.node_state(place));
            if matches!(place, Some(NodeState::InDoubt { .. })) {
                decider.out.records.push(Body::Settled { node, decision, by });
            }
        }
        Input::Park { failure } => {
            if state.parked.is_none() {
                decider.out.records.push(Body::Parked { failure });
            }
        }
    }
    decider.out
}

struct Decider<'s> {
    state: &'s State,
    now: Moment,
    out: Decided,
}

impl<'s> Decider<'s> {
    fn attempt(&self, ticket: Ticket) -> Option<(Place, NodePath)> {
        let place = *self.state.attempts.get(&ticket)?;
        Some((place, self.state.path(place)?))
    }

    fn advance(&mut self) {
        let state = self.state;
        if state.parked.is_some() && state.stopping.is_none() {
            return;
        }
        if let Some(stopping) = &state.stopping {
            return self.stop(stopping);
        }
        let options = &state.manifest.options;
        let mut room = (options.max_parallel as usize).saturating_sub(state.attempts.len());
        let mut nodes_left = options.max_nodes.saturating_sub(state.executed);
        for place in &state.ready {
            let Some((frame, node)) = self.at(*place) else { continue };
            match state.node_state(*place) {
                Some(NodeState::Queued { attempts }) => {
                    if !self.turn(frame, node, *place, *attempts, &mut room, &mut nodes_left) {
                        break;
                    }
                }
                Some(NodeState::Open(container)) => self.leave(frame, node, *place, container),
                Some(
                    NodeState::Waiting { .. }
                    | NodeState::Running(_)
                    | NodeState::Backoff { .. }
                    | NodeState::InDoubt { .. }
                    | NodeState::Done(_),
                )
                | None => {}
            }
            if options.failure_policy == FailurePolicy::Halt
                && matches!(self.out.records.last(), Some(Body::Failed { retry_at: None, .. }))
            {
                break;
            }
        }
        if self.out.is_empty() && state.ready.is_empty() && state.attempts.is_empty() {
            self.rest();
        }
    }

    fn at(&self, place: Place) -> Option<(&'s Frame, &'s PlanNode)> {
        let frame = self.state.frame(place.frame)?;
        Some((frame, frame.plan_node(place.node)?))
    }

    /// Nothing starts any more; once nothing is under way, the run ends.
    fn stop(&mut self, stopping: &Stopping) {
        let state = self.state;
        self.out.commands.extend(state.attempts.keys().map(|ticket| Command::Cancel(*ticket)));
        if !state.attempts.is_empty() {
            return;
        }
        let ended = match stopping {
            Stopping::Cancel { by, reason } => {
                let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                let failure = Failure::new(ErrorCode::RunCancelled, format!("cancelled by {by}{why}"));
                self.ended(RunStatus::Cancelled, Some(failure))
            }
            Stopping::Halt => self.ended(RunStatus::Failed, self.first_failure()),
        };
        self.out.records.push(ended);
    }

    fn ended(&self, status: RunStatus, failure: Option<Failure>) -> Body {
        Body::Ended { status, output: self.state.output(), failure }
    }

    fn first_failure(&self) -> Option<Failure> {
        let (path, failure) = self.state.frame(0)?.failed.as_ref().or(None)?;
        let message = format!("the node `{path}` failed: {}", failure.message);
        Some(Failure { message, usage: Usage::default(), ..failure.clone() })
    }

    /// Nothing is queued and nothing under way: the run waits, is parked or ends.
    fn rest(&mut self) {
        let state = self.state;
        let left = state.frame(0).map_or(0, |frame| frame.left);
        if left == 0 {
            let failure = self.first_failure();
            let status = if failure.is_some() { RunStatus::Failed } else { RunStatus::Succeeded };
            self.out.records.push(self.ended(status, failure));
        } else if state.wakes.is_empty() {
            let doubtful: Vec<String> = state
                .in_doubt
                .iter()
                .filter_map(|place| Some(format!("`{}`", state.path(*place)?)))
                .collect();
            if doubtful.is_empty() {
                let failure = Failure::new(ErrorCode::RunStuck, format!("{left} nodes can never run"));
                self.out.records.push(self.ended(RunStatus::Failed, Some(failure)));
            } else {
                let message = format!(
                    "it is not known whether the effect of {} happened before the process ended; \
                     decide with `ice runs resume --in-doubt repeat` or `--in-doubt fail`",
                    doubtful.join(", ")
                );
                let failure = Failure::new(ErrorCode::RunInDoubt, message);
                self.out.records.push(Body::Parked { failure });
            }
        }
    }

    /// A queued node's turn. Says whether the queue may be followed further.
    fn turn(
        &mut self,
        frame: &'s Frame,
        node: &PlanNode,
        place: Place,
        attempts: u32,
        room: &mut usize,
        nodes_left: &mut u64,
    ) -> bool {
        let Some(path) = frame.path(place.node) else { return true };
        if attempts == 0
            && let Some(reason) = self.skips(frame, node)
        {
            self.out.records.push(Body::Skipped { node: path, reason });
            return true;
        }
        if node.work.is_leaf() {
            if *room == 0 {
                return false;
            }
            *room -= 1;
        }
        let attempt = attempts + 1;
        if *nodes_left == 0 {
            let limit = self.state.manifest.options.max_nodes;
            let message = format!("the run has executed {limit} nodes, its limit `max_nodes`");
            self.failed(node, path, attempt, Effect::Pure, Failure::new(ErrorCode::LimitExceeded, message));
            return true;
        }
        *nodes_left -= 1;
        let begun = Env::new(self.state, place).and_then(|mut env| builtin::begin(&node.work, &mut env));
        match begun {
            Ok(Begin::Leaf { intent, effect }) => {
                let ticket = self.state.next + self.out.records.len() as u64;
                self.out.commands.push(Command::Start(Start {
                    ticket,
                    path: path.clone(),
                    attempt,
                    intent: intent.clone(),
                    effect,
                    receipts: Vec::new(),
                    plan: Arc::clone(&frame.plan),
                    scope: frame.scope,
                    node: place.node,
                }));
                self.out.records.push(Body::Started { node: path, attempt, intent, effect });
            }
            Ok(Begin::Container(opening)) => {
                self.out.records.push(Body::Opened { node: path, attempt, opening });
            }
            Err(failure) => self.failed(node, path, attempt, Effect::Pure, failure),
        }
        true
    }

    /// Why a node does not run, if it does not.
    fn skips(&self, frame: &Frame, node: &PlanNode) -> Option<SkipReason> {
        if let Some((condition, branch)) = node.when {
            match frame.outcome(condition) {
                Some(Outcome::Succeeded(value)) => {
                    if value.get("result").and_then(Value::as_bool) != Some(branch) {
                        return Some(SkipReason::BranchNotTaken);
                    }
                }
                Some(Outcome::Skipped(reason)) => return Some(*reason),
                Some(Outcome::Failed | Outcome::Cancelled) | None => {
                    return Some(SkipReason::DependencyFailed);
                }
            }
        }
        if node.dependencies.is_empty() {
            return None;
        }
        let always = self.state.manifest.options.failure_policy == FailurePolicy::Always;
        let mut all_skipped = true;
        for dependency in &node.dependencies {
            match frame.outcome(*dependency) {
                Some(
                    Outcome::Failed | Outcome::Cancelled | Outcome::Skipped(SkipReason::DependencyFailed),
                ) if !always => {
                    return Some(SkipReason::DependencyFailed);
                }
                Some(Outcome::Skipped(_)) => {}
                Some(Outcome::Succeeded(_) | Outcome::Failed | Outcome::Cancelled) | None => {
                    all_skipped = false
                }
            }
        }
        all_skipped.then_some(SkipReason::BranchNotTaken)
    }

    /// A container whose frames have given what they will.
    fn leave(&mut self, frame: &Frame, node: &PlanNode, place: Place, container: &Container) {
        let Some(path) = frame.path(place.node) else { return };
        self.cancel_within(place);
        if let Some((inner, failure)) = container.failure() {
            let message = format!("the nested node `{inner}` failed: {}", failure.message);
            let failure =
                Failure { message, usage: Usage::default(), retry_after_ms: None, ..failure.clone() };
            return self.failed(node, path, container.attempt, Effect::Pure, failure);
        }
        match container.output(node).and_then(|output| node.shape(output)) {
            Ok(_) => self.out.records.push(Body::Closed { node: path }),
            Err(failure) => self.failed(node, path, container.attempt, Effect::Pure, failure),
        }
    }

    /// Cancels the attempts under way within a container.
    fn cancel_within(&mut self, place: Place) {
        let mut frames = open_frames(self.state, place);
        while let Some(index) = frames.pop() {
            let nodes = self.state.frame(index).map(|frame| frame.nodes.as_slice()).unwrap_or_default();
            for (state, node) in nodes.iter().zip(0_u32..) {
                match state {
                    NodeState::Running(attempt) => self.out.commands.push(Command::Cancel(attempt.ticket)),
                    NodeState::Open(_) => frames.extend(self.frames_of(index, node)),
                    NodeState::Waiting { .. }
                    | NodeState::Queued { .. }
                    | NodeState::Backoff { .. }
                    | NodeState::InDoubt { .. }
                    | NodeState::Done(_) => {}
                }
            }
        }
    }

    fn frames_of(&self, frame: FrameIndex, node: NodeIndex) -> Vec<FrameIndex> {
        open_frames(self.state, Place { frame, node })
    }

    fn tick(&mut self) {
        let state = self.state;
        if state.parked.is_some() || state.stopping.is_some() {
            return;
        }
        for (at, place) in &state.wakes {
            if *at > self.now {
                break;
            }
            if let Some(node) = state.path(*place) {
                self.out.records.push(Body::Woken { node });
            }
        }
        // A container that fails takes its nested ones along, so one deadline is decided at a time.
        if let Some((at, place)) = state.deadlines.first()
            && *at <= self.now
            && self.out.records.is_empty()
            && let Some((frame, node)) = self.at(*place)
            && let Some(NodeState::Open(container)) = state.node_state(*place)
            && let Some(path) = frame.path(place.node)
        {
            self.cancel_within(*place);
            let failure = timeout_failure(node.timeout.unwrap_or_default());
            self.failed(node, path, container.attempt, Effect::Pure, failure);
        }
    }

    fn completed(&mut self, ticket: Ticket, result: Result<Completion, Failure>, unresponsive: bool) {
        let state = self.state;
        let Some((place, path)) = self.attempt(ticket) else { return };
        let Some((_, node)) = self.at(place) else { return };
        let Some(attempt) = state.attempt(place) else { return };
        if unresponsive {
            self.out.records.push(Body::Unresponsive { node: path.clone() });
        }
        match result {
            Ok(done) => match node.shape(done.value) {
                Ok(output) => {
                    let (usage, stream) = (done.usage, done.stream);
                    self.out.records.push(Body::Succeeded { node: path, output, usage, stream });
                }
                Err(failure) => {
                    let failure = Failure { usage: done.usage, ..failure };
                    self.failed(node, path, attempt.number, attempt.effect, failure);
                }
            },
            Err(failure) if state.stopping.is_some() && failure.code == ErrorCode::RunCancelled => {
                let in_doubt = failure.unknown_outcome && !attempt.effect.is_repeatable();
                self.out.records.push(Body::Cancelled { node: path, in_doubt });
            }
            Err(failure) => self.failed(node, path, attempt.number, attempt.effect, failure),
        }
    }

    /// An attempt failed: it is repeated, or the node has failed for good.
    fn failed(
        &mut self,
        node: &PlanNode,
        path: NodePath,
        attempt: u32,
        effect: Effect,
        mut failure: Failure,
    ) {
        let again = self.state.stopping.is_none() && failure.retryable && attempt < node.retry.max_attempts;
        let safe = effect.is_repeatable() || !failure.unknown_outcome;
        if again && !safe {
            failure.message.push_str(
                " (not tried again: the effect is not repeatable, and it is not known whether it happened)",
            );
        }
        let retry_at = (again && safe).then(|| {
            let wait = jitter(node.retry.wait_after(attempt), self.state, &path, attempt);
            self.now.plus(failure.retry_after().map_or(wait, |asked| asked.max(wait)))
        });
        self.out.records.push(Body::Failed { node: path, failure, retry_at });
    }

    /// Attempts lost with their process are made again where that is safe; the others are in doubt.
    fn recovered(&mut self, by: Principal, epoch: u64) {
        let state = self.state;
        self.out.records.push(Body::Resumed { by, epoch });
        for (ticket, place) in &state.attempts {
            let (Some(path), Some(attempt), Some(frame)) =
                (state.path(*place), state.attempt(*place), state.frame(place.frame))
            else {
                continue;
            };
            if state.stopping.is_some() {
                let in_doubt = !attempt.effect.is_repeatable();
                self.out.records.push(Body::Cancelled { node: path, in_doubt });
                continue;
            }
            let open_step = attempt.steps.iter().find(|step| step.receipt.is_none());
            let effect = open_step.map_or(attempt.effect, |step| step.effect);
            if effect.is_repeatable() {
                let receipts =
                    attempt.steps.iter().filter_map(|step| Some((step.path.clone(), step.receipt.clone()?)));
                self.out.commands.push(Command::Start(Start {
                    ticket: *ticket,
                    path,
                    attempt: attempt.number,
                    intent: attempt.intent.clone(),
                    effect: attempt.effect,
                    receipts: receipts.collect(),
                    plan: Arc::clone(&frame.plan),
                    scope: frame.scope,
                    node: place.node,
                }));
            } else {
                self.out.records.push(Body::InDoubt { node: path });
            }
        }
    }
}

/// The failure of something that took longer than its `timeout_seconds`.
pub(crate) fn timeout_failure(limit: Duration) -> Failure {
    Failure::passing(
        ErrorCode::NodeTimeout,
        format!("took longer than its time-out of {} s", limit.as_secs_f64()),
    )
}

/// Half of the wait, plus up to the other half: the same for the same attempt of the same run.
fn jitter(wait: Duration, state: &State, path: &NodePath, attempt: u32) -> Duration {
    let mut hasher = blake3::Hasher::new();
    hasher.update(state.manifest.run.uuid().as_bytes());
    hasher.update(path.as_str().as_bytes());
    hasher.update(&attempt.to_le_bytes());
    let share = hasher.finalize().as_bytes().first().copied().unwrap_or_default();
    wait / 2 + wait.mul_f64(f64::from(share) / 510.0)
}

impl Work {
    /// Whether it reaches the outside, and so counts as an attempt under way.
    pub(crate) const fn is_leaf(&self) -> bool {
        match self {
            Self::Tool(_) | Self::Llm(_) => true,
            Self::Condition(_) | Self::Loop(_) | Self::Parallel(_) | Self::Workflow(_) => false,
        }
    }
}
