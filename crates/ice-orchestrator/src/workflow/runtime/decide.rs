//! What happens next.

use std::sync::Arc;

use ice_core::budget::Spend;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::budget::Lack;
use super::container::Container;
use super::failing::{Safety, shorten, time_is_up, timeout_failure};
use super::frame::{Frame, NodeState, Place, StepState};
use super::input::{Command, Decided, Input, Start, Ticket};
use super::scope::Frames;
use super::state::{State, Stopping};
use crate::executors::Observation;
use crate::executors::builtin::recursive::Next;
use crate::executors::builtin::{self, Begin};
use crate::journal::{Body, Failure, FailurePolicy, Opening};
use crate::workflow::model::PlanNode;

mod asking;
mod attempts;
mod rest;
mod skipping;
mod watching;

/// Records decided at a time; the caller asks again.
const PASS: usize = 1_024;
/// Bytes of failures' messages and of questions decided at a time.
const PASS_BYTES: usize = 256 << 10;
/// The deepest nesting of a value that a node takes or gives.
pub(crate) const MAX_VALUE_DEPTH: u8 = 128;
/// Bytes of a path that are left for what opens below it: an index, a name and an id.
const BELOW: usize = 128;

/// Decides what an input means for a run. Depends on nothing but its arguments.
///
/// The caller applies the records in order, keeps them, carries the commands out, and asks again with
/// [`Input::Advance`] until nothing is decided.
#[must_use]
pub fn decide(state: &State, input: Input, now: Moment) -> Decided {
    let mut decided = Decided::default();
    decide_into(&mut decided, state, input, now);
    decided
}

/// As [`decide`], for whoever has an empty [`Decided`] whose memory can be used again.
pub(crate) fn decide_into(out: &mut Decided, state: &State, input: Input, now: Moment) {
    let mut decider = Decider { state, now, out, said: 0 };
    if state.ended.is_some() {
        return;
    }
    match input {
        Input::Advance => decider.advance(),
        Input::Tick => decider.tick(),
        Input::Completed { ticket, result, unresponsive } => decider.completed(ticket, result, unresponsive),
        Input::StepAnnounced { ticket, step, intent, effect } => {
            if let Some((_, node)) = decider.attempt(ticket)
                && state.stopping.is_none()
            {
                decider.announced(ticket, step, node, intent, effect);
            }
        }
        Input::StepEnded { ticket, step, result } => decider.step_ended(ticket, step, result),
        Input::Observed { ticket, address, observation } => {
            if decider.attempt(ticket).is_some() || state.winding_down.contains_key(&ticket) {
                decider.observed(&address, observation);
            }
        }
        Input::Withdrawn { ticket, by } => decider.withdrawn(ticket, by),
        Input::Cancel { by, mut reason } => {
            if let Some(reason) = &mut reason {
                shorten(reason);
            }
            if !matches!(state.stopping, Some(Stopping::Cancel { .. })) {
                decider.out.records.push(Body::Cancelling { by, reason });
            }
        }
        Input::Recovered { by, epoch } => decider.recovered(by, epoch),
        Input::Answer { node, question, answer } => decider.answer(node, question, answer),
        Input::Funded { until, refused } => decider.out.records.push(Body::Funded { until, refused }),
        Input::Settle { node, decision, by } => {
            let place = state.locate(&node).and_then(|place| state.node_state(place));
            if matches!(place, Some(NodeState::InDoubt { .. })) {
                decider.out.records.push(Body::Settled { node, decision, by });
            }
        }
    }
}

/// What is decided if it is a queued node's turn, whatever else there is to decide.
pub(crate) fn begin_of(state: &State, node: &NodePath, now: Moment) -> Vec<Body> {
    let mut out = Decided::default();
    let mut decider = Decider { state, now, out: &mut out, said: 0 };
    let mut nodes_left = state.manifest.options.max_nodes.saturating_sub(state.executed);
    if let Some(place) = state.locate(node)
        && let Some((frame, node)) = decider.at(place)
        && let Some(NodeState::Queued { attempts, .. }) = state.node_state(place)
    {
        decider.turn(frame, node, place, *attempts, &mut nodes_left);
    }
    out.records
}

struct Decider<'s> {
    state: &'s State,
    now: Moment,
    out: &'s mut Decided,
    /// Bytes of the failures' messages and of the questions in it.
    said: usize,
}

impl<'s> Decider<'s> {
    fn attempt(&self, ticket: Ticket) -> Option<(Place, NodePath)> {
        let place = self.state.attempts.place(ticket)?;
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
        let mut nodes_left = state.manifest.options.max_nodes.saturating_sub(state.executed);
        // Containers first: what a container that is done takes along must not start any more.
        for place in state.containers.iter() {
            let Some((frame, node)) = self.at(place) else { continue };
            match state.node_state(place) {
                Some(NodeState::Queued { attempts, .. }) => {
                    self.turn(frame, node, place, *attempts, &mut nodes_left);
                }
                // Others were decided before: they may change what this one gives.
                Some(NodeState::Open(container)) if container.open > 0 && !self.out.is_empty() => return,
                Some(NodeState::Open(container)) => self.leave(frame, node, place, container),
                Some(NodeState::Asked(asked)) => self.answered(frame, node, place, asked),
                Some(NodeState::Watching(watch)) => self.acted(frame, node, place, watch),
                Some(
                    NodeState::Waiting { .. }
                    | NodeState::Running(_)
                    | NodeState::Backoff { .. }
                    | NodeState::InDoubt { .. }
                    | NodeState::Done(_),
                )
                | None => {}
            }
            let early = matches!(state.node_state(place), Some(NodeState::Open(open)) if open.open > 0);
            if early || self.is_full() {
                return;
            }
        }
        if self.out.is_empty() {
            self.start_leaves(&mut nodes_left);
        }
        if self.out.is_empty() && !state.has_turns() && !state.has_attempts() {
            self.rest();
        }
    }

    fn start_leaves(&mut self, nodes_left: &mut u64) {
        let state = self.state;
        let under_way = state.attempts.len() + state.winding_down.len();
        let mut room = (state.manifest.options.max_parallel as usize).saturating_sub(under_way);
        for place in state.leaves.iter() {
            let Some((frame, node)) = self.at(place) else { continue };
            if let Some(watch) = state.watch(place) {
                if room == 0 {
                    return;
                }
                self.tell(frame, place, watch);
                room -= 1;
                continue;
            }
            let Some(NodeState::Queued { attempts, .. }) = state.node_state(place) else { continue };
            if room == 0 && (*attempts > 0 || self.skips(frame, node).is_none()) {
                return;
            }
            if state.is_limited() && !self.out.is_empty() {
                // What may begin depends on what begins before.
                return;
            }
            let started = self.out.commands.len();
            self.turn(frame, node, place, *attempts, nodes_left);
            room = room.saturating_sub(self.out.commands.len() - started);
            if self.is_full() || self.out.short.is_some() {
                return;
            }
        }
    }

    /// Whether enough is decided for now: what was decided last may stop the run, or there is much of it.
    fn is_full(&self) -> bool {
        let halts = self.state.manifest.options.failure_policy == FailurePolicy::Halt
            && matches!(self.out.records.last(), Some(Body::Failed { retry_at: None, .. }));
        let aborts = matches!(
            self.out.records.last(),
            Some(Body::Failed { failure, retry_at: None, .. }) if failure.code == ErrorCode::RunAborted
        );
        let parks = matches!(self.out.records.last(), Some(Body::Parked { .. }));
        halts || aborts || parks || self.out.records.len() >= PASS || self.said >= PASS_BYTES
    }

    fn at(&self, place: Place) -> Option<(&'s Frame, &'s PlanNode)> {
        let frame = self.state.frame(place.frame)?;
        Some((frame, frame.plan_node(place.node)?))
    }

    /// What an execution reported is kept, and with it, each by itself, what it was denied.
    fn observed(&mut self, address: &NodePath, observation: Observation) {
        let denials = match observation {
            Observation::Report(report) => {
                let denials = report.denials();
                self.out.records.push(Body::Reported { node: address.clone(), report });
                denials
            }
            Observation::Denial(mut denial) => {
                shorten(&mut denial.what);
                vec![denial]
            }
        };
        let records = denials.into_iter().map(|denial| Body::Denied { node: address.clone(), denial });
        self.out.records.extend(records);
    }

    /// A queued node's turn.
    fn turn(&mut self, frame: &'s Frame, node: &PlanNode, place: Place, attempts: u32, nodes_left: &mut u64) {
        let Some(path) = frame.path(place.node) else { return };
        if attempts == 0
            && let Some(reason) = self.skips(frame, node)
        {
            self.out.records.push(Body::Skipped { node: path, reason });
            return;
        }
        let attempt = attempts + 1;
        if *nodes_left == 0 {
            let limit = self.state.manifest.options.max_nodes;
            let message = format!("the run has executed {limit} nodes, its limit `max_nodes`");
            return self.failed(
                node,
                path,
                attempt,
                Safety::Safe,
                Failure::new(ErrorCode::LimitExceeded, message),
            );
        }
        if !node.work.is_leaf() && path.as_str().len() + BELOW > NodePath::MAX_BYTES {
            let message = "nodes are nested too deep: their paths would be too long";
            let failure = Failure::new(ErrorCode::LimitExceeded, message);
            return self.failed(node, path, attempt, Safety::Safe, failure);
        }
        *nodes_left -= 1;
        let begun = Frames::around(self.state, place)
            .and_then(|frames| builtin::begin(&node.work, &mut frames.env()?));
        match begun {
            Ok(Begin::Leaf { intent, .. }) if depth_exceeds(intent.value()) => {
                let failure = Failure::new(ErrorCode::InputInvalid, too_deep("what the node takes"));
                self.failed(node, path, attempt, Safety::Safe, failure);
            }
            Ok(Begin::Leaf { intent, effect }) => {
                let wanted = self.state.wanted(&intent, &frame.plan);
                match self.state.lacks(place, wanted, &[]) {
                    None => {}
                    Some(Lack::Refused(failure)) => {
                        return self.failed(node, path, attempt, Safety::Safe, failure);
                    }
                    Some(Lack::Short(need)) => return self.out.short = Some(need),
                }
                let ticket = self.state.next + self.out.records.len() as u64;
                let kept = self.state.kept.get(&place).map(Vec::as_slice).unwrap_or_default();
                self.out.commands.push(Command::Start(Start {
                    ticket,
                    path: path.clone(),
                    attempt,
                    intent: intent.clone(),
                    effect,
                    receipts: receipts(kept),
                    plan: Arc::clone(&frame.plan),
                    scope: frame.scope,
                    node: place.node,
                }));
                self.out.records.push(Body::Started {
                    node: path,
                    attempt,
                    intent,
                    effect,
                    held: held(wanted),
                });
            }
            Ok(Begin::Question(question)) => {
                self.said += question.message.len();
                let question = Box::new(question);
                self.out.records.push(Body::Asked { node: path, attempt, question, step: None });
            }
            Ok(Begin::Watch) => self.out.records.push(Body::Watching { node: path, attempt }),
            Ok(Begin::Container(Opening::Workflow { .. })) if self.is_too_deep(frame) => {
                let limit = self.state.manifest.options.max_depth.unwrap_or_default();
                let message =
                    format!("sub-workflows would be nested deeper than {limit}, the limit `max_depth`");
                let failure = Failure::new(ErrorCode::LimitExceeded, message);
                self.failed(node, path, attempt, Safety::Safe, failure);
            }
            Ok(Begin::Container(opening)) => {
                self.out.records.push(Body::Opened { node: path, attempt, opening });
            }
            Err(failure) => self.failed(node, path, attempt, Safety::Safe, failure),
        }
    }

    /// Whether a sub-workflow that a node of this frame runs would be nested deeper than it may.
    fn is_too_deep(&self, frame: &Frame) -> bool {
        let Some(limit) = self.state.manifest.options.max_depth else { return false };
        let around = |frame: &&'_ Frame| self.state.frame(frame.parent?.0.frame);
        let depth = std::iter::successors(Some(frame), |frame| around(frame))
            .filter(|frame| frame.parent.is_some() && !frame.sees_parent)
            .count();
        depth >= limit as usize
    }

    /// A container whose frames have given what they will.
    fn leave(&mut self, frame: &Frame, node: &PlanNode, place: Place, container: &Container) {
        let Some(path) = frame.path(place.node) else { return };
        let safety = self.cancel_within(container);
        let goes_on = |failure: &Failure| {
            container.can_close_in_part()
                && self.state.manifest.options.failure_policy != FailurePolicy::Halt
                && !(self.may_repeat(node, container.attempt, failure) && safety == Safety::Safe)
        };
        if let Some(failed) = container.failure().filter(|failed| !goes_on(&failed.failure)) {
            let failure = &failed.failure;
            let message = format!("the nested node `{}` failed: {}", failed.node, failure.message);
            let failure = Failure { retry_after_ms: None, ..failure.told_by(message) };
            return self.failed(node, path, container.attempt, safety, failure);
        }
        let next = Frames::around(self.state, place).and_then(|around| container.next(node, &around));
        let shaped = match next {
            Ok(Next::Iterate(iteration)) => {
                return self.out.records.push(Body::Iterated { node: path, iteration });
            }
            Ok(Next::Done(output)) => node.shape(output).and_then(shallow),
            Err(failure) => Err(failure),
        };
        match shaped {
            Ok(output) => self.out.records.push(Body::Closed { node: path, output }),
            Err(failure) => self.failed(node, path, container.attempt, safety, failure),
        }
    }

    /// Cancels the attempts under way within a container. Says whether the container may be tried again.
    fn cancel_within(&mut self, container: &Container) -> Safety {
        let mut touched = container.touched;
        let mut frames = container.frames();
        while let Some(index) = frames.pop() {
            let Some(frame) = self.state.frame(index) else { continue };
            for (state, number) in frame.nodes.iter().zip(0_u32..) {
                match state {
                    NodeState::Running(attempt) => {
                        touched |= attempt.touches();
                        let in_doubt = !attempt.open_effect().is_repeatable();
                        self.out.commands.push(Command::Cancel(attempt.ticket));
                        self.out.records.extend(frame.path(number).map(|node| Body::Cancelled {
                            node,
                            in_doubt,
                            winding_down: true,
                        }));
                    }
                    NodeState::Open(container) => frames.extend(container.frames()),
                    NodeState::Waiting { .. }
                    | NodeState::Queued { .. }
                    | NodeState::Backoff { .. }
                    | NodeState::Asked(_)
                    | NodeState::Watching(_)
                    | NodeState::InDoubt { .. }
                    | NodeState::Done(_) => {}
                }
            }
        }
        if touched { Safety::Touched } else { Safety::Safe }
    }

    fn tick(&mut self) {
        let state = self.state;
        if state.parked.is_some() || state.stopping.is_some() {
            return;
        }
        if state.time_is_up().is_some_and(|at| at <= self.now) {
            let failure = time_is_up(state.manifest.options.max_time_ms.unwrap_or_default());
            return self.out.records.push(Body::Exceeded { failure });
        }
        for (at, place) in &state.wakes {
            if *at > self.now || self.is_full() {
                break;
            }
            let Some(node) = state.path(*place) else { continue };
            match (state.asked(*place), state.watch(*place)) {
                (Some(asked), _) => self.lapse(node, asked),
                (None, Some(watch)) => self.look(node, *place, watch, false),
                (None, None) => self.out.records.push(Body::Woken { node }),
            }
        }
        // A container that fails takes its nested ones along, so one deadline is decided at a time.
        if let Some((at, place)) = state.deadlines.first()
            && *at <= self.now
            && self.out.records.is_empty()
            && let Some((frame, node)) = self.at(*place)
            && let Some(NodeState::Open(container)) = state.node_state(*place)
            && let Some(path) = frame.path(place.node)
            && let Some(limit) = node.timeout
        {
            let safety = self.cancel_within(container);
            let failure = timeout_failure(limit);
            self.failed(node, path, container.attempt, safety, failure);
        }
    }
}

/// What is recorded of what a call takes at worst.
fn held(wanted: Spend) -> Option<Box<Spend>> {
    Some(wanted.without_calls()).filter(|held| !held.is_nothing()).map(Box::new)
}

/// What ended among the steps of an attempt.
fn receipts(steps: &[StepState]) -> Vec<(NodePath, Result<Value, Failure>)> {
    steps.iter().filter_map(|step| Some((step.path.clone(), step.receipt.clone()?))).collect()
}

/// An output that is not nested too deep.
fn shallow(output: Value) -> Result<Value, Failure> {
    if depth_exceeds(&output) {
        let failure = Failure::new(ErrorCode::OutputInvalid, too_deep("the node's output"));
        return Err(Failure { unknown_outcome: true, ..failure });
    }
    Ok(output)
}

fn depth_exceeds(value: &Value) -> bool {
    value.is_deeper_than(MAX_VALUE_DEPTH)
}

fn too_deep(what: &str) -> String {
    format!("{what} nests deeper than {MAX_VALUE_DEPTH} levels")
}
