//! Folding a record into the state.

use std::sync::Arc;

use ice_core::blueprint::WaitStrategy;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::asking::{self, ask, escalate, withdraw};
use super::frame::{Attempt, NodeState, Outcome, Place, StepState, WindingDown};
use super::nested::{close, container_mut, iterate, leave, open, open_slots, remove_frame, touch};
use super::queue::Spot;
use super::state::{MAX_FAILURES, State, Stopping};
use super::watching::{self, tell, unwatch};
use crate::journal::{Body, Decision, Failure, FailurePolicy, NodeFailure, Record};

/// A record that cannot follow on those before it: the journal is damaged or the engine defective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {number} cannot be applied: {what}")]
pub struct ApplyError {
    /// The record's number.
    pub number: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Folds one record into the state.
///
/// # Errors
/// [`ApplyError`] if the record cannot follow on those before it; the state is then of no more use.
pub fn apply(state: &mut State, record: &Record) -> Result<(), ApplyError> {
    let number = state.next;
    if state.ended.is_some() {
        return Err(ApplyError { number, what: "the run has ended".to_owned() });
    }
    fold(state, record).map_err(|what| ApplyError { number, what })?;
    if state.is_limited() {
        state.spending.push(&record.body, state.stopping.is_some());
    }
    state.last_at = record.at;
    state.next += 1;
    Ok(())
}

fn fold(state: &mut State, record: &Record) -> Result<(), String> {
    match &record.body {
        Body::Manifest(_) => Err("a manifest is always record 0".to_owned()),
        Body::Started { node, attempt, intent, effect, held: _ } => {
            let place = locate(state, node)?;
            let watch = tell(state, place);
            if watch.is_none() {
                dequeue(state, node)?;
                state.executed += 1;
                state.open_account(place);
            }
            let ticket = state.next;
            let under_way = Attempt {
                ticket,
                number: *attempt,
                intent: intent.clone(),
                effect: *effect,
                steps: state.kept.remove(&place).unwrap_or_default(),
                watch,
            };
            state.set_state(place, NodeState::Running(Box::new(under_way)));
            state.attempts.insert(ticket, place);
            Ok(())
        }
        Body::Step { step, node, effect, .. } => {
            let attempt = attempt_mut(state, node)?;
            let announced = StepState { path: step.clone(), effect: *effect, receipt: None };
            // A step that was under way when its process ended is announced again.
            match attempt.steps.iter_mut().find(|known| known.path == *step) {
                Some(known) if known.receipt.is_some() => return Err(format!("the step {step} has ended")),
                Some(known) => *known = announced,
                None => attempt.steps.push(announced),
            }
            Ok(())
        }
        Body::Receipt { step, node, result, usage, discarded, .. } => {
            state.usage += *usage;
            if let Err(failure) = result {
                state.usage += failure.usage;
            }
            match discarded {
                Some(started) if state.winding_down.contains_key(started) => Ok(()),
                Some(started) => Err(format!("no attempt that began with record {started} winds down")),
                None => end_step(attempt_mut(state, node)?, step, result),
            }
        }
        Body::Succeeded { node, output, usage, .. } => {
            let (place, attempt) = end_attempt(state, node)?;
            if attempt.touches() {
                touch(state, place);
            }
            state.usage += *usage;
            finish(state, place, Outcome::Succeeded(output.clone()))
        }
        Body::Failed { node, failure, retry_at } => fail(state, node, failure, *retry_at),
        Body::Woken { node } => {
            let place = locate(state, node)?;
            let Some(NodeState::Backoff { attempts, until }) = state.node_state(place) else {
                return Err(format!("{node} does not wait for an attempt"));
            };
            let (attempts, until) = (*attempts, *until);
            state.wakes.remove(&(until, place));
            queue(state, place, attempts)
        }
        Body::Skipped { node, reason } => {
            let place = dequeue(state, node)?;
            finish(state, place, Outcome::Skipped(*reason))
        }
        Body::Opened { node, attempt, opening } => open(state, node, *attempt, opening, record.at),
        Body::Iterated { node, iteration } => iterate(state, node, *iteration),
        Body::Watching { node, attempt } => watching::watch(state, node, *attempt, record.at),
        Body::Checked { node, holds, last, metrics } => {
            watching::checked(state, node, *holds, *last, metrics, record.at)
        }
        Body::Alerted { node, sent, .. } => watching::alerted(state, node, sent, record.at),
        Body::Asked { node, attempt, question } => ask(state, node, *attempt, question, record.at),
        Body::Escalated { node, .. } => escalate(state, node, record.at),
        Body::Answered { node, answer } => asking::answer(state, node, answer, record.at),
        Body::Closed { node, output } => close(state, node, output),
        Body::Cancelling { by, reason } => {
            state.stopping = Some(Stopping::Cancel { by: by.to_string(), reason: reason.clone() });
            Ok(())
        }
        Body::Cancelled { node, winding_down, .. } => {
            let (place, attempt) = end_attempt(state, node)?;
            if attempt.touches() {
                touch(state, place);
            }
            if *winding_down {
                let repeatable = attempt.open_effect().is_repeatable();
                let winding = WindingDown { node: node.clone(), repeatable };
                state.winding_down.insert(attempt.ticket, winding);
            }
            Ok(())
        }
        Body::Discarded { started, usage, .. } => {
            state.usage += *usage;
            let known = state.winding_down.remove(started);
            known.map(drop).ok_or_else(|| format!("no attempt that began with record {started} winds down"))
        }
        // These may be about an attempt whose container is gone.
        Body::Unresponsive { .. } | Body::Reported { .. } | Body::Denied { .. } => Ok(()),
        Body::InDoubt { node } => {
            let (place, attempt) = end_attempt(state, node)?;
            touch(state, place);
            state.set_state(place, NodeState::InDoubt { attempts: attempt.number });
            state.in_doubt.insert(place);
            if !attempt.steps.is_empty() {
                state.kept.insert(place, attempt.steps);
            }
            Ok(())
        }
        Body::Settled { node, decision, .. } => settle(state, node, *decision),
        Body::Exceeded { failure } => {
            state.stopping = Some(Stopping::Exceeded(Box::new(failure.clone())));
            Ok(())
        }
        // Who folds a journal does it over the plan that the run goes on over: what came before is the same over it.
        Body::Migrated(_) => Ok(()),
        Body::Parked { failure } => {
            state.parked = Some(failure.clone());
            Ok(())
        }
        Body::Resumed { .. } => {
            state.parked = None;
            // They ended with their process.
            state.winding_down.clear();
            Ok(())
        }
        Body::Ended { status, output, failure } => {
            state.output = Some(output.clone());
            state.ended = Some((*status, failure.clone()));
            state.leaves.clear();
            state.containers.clear();
            state.admission.held.clear();
            state.wakes.clear();
            state.deadlines.clear();
            state.questions.clear();
            Ok(())
        }
    }
}

pub(super) fn locate(state: &State, node: &NodePath) -> Result<Place, String> {
    state.locate(node).ok_or_else(|| format!("no open node has the path {node}"))
}

/// Takes a queued node out of its queue.
pub(super) fn dequeue(state: &mut State, node: &NodePath) -> Result<Place, String> {
    let place = locate(state, node)?;
    let Some(NodeState::Queued { spot, .. }) = state.node_state(place) else {
        return Err(format!("{node} is not queued"));
    };
    let spot = *spot;
    unqueue(state, place, spot);
    Ok(place)
}

pub(super) fn unqueue(state: &mut State, place: Place, spot: Spot) {
    match state.plan_node(place).map(|node| node.work.is_leaf()) {
        Some(true) => state.leaves.remove(spot),
        Some(false) => state.containers.remove(spot),
        None => {}
    }
}

fn queue(state: &mut State, place: Place, attempts: u32) -> Result<(), String> {
    let plan = state.frame(place.frame).map(|frame| (Arc::clone(&frame.plan), frame.scope));
    let (plan, scope) = plan.ok_or("the frame is gone")?;
    let node = plan.scope(scope).and_then(|scope| scope.node(place.node)).ok_or("the node is gone")?;
    let spot = state.queue_of(node).push(place);
    state.set_state(place, NodeState::Queued { attempts, spot });
    Ok(())
}

fn attempt_mut<'s>(state: &'s mut State, node: &NodePath) -> Result<&'s mut Attempt, String> {
    let place = locate(state, node)?;
    let slot = state.frame_mut(place.frame).and_then(|frame| frame.nodes.get_mut(place.node as usize));
    match slot {
        Some(NodeState::Running(attempt)) => Ok(attempt),
        Some(
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Asked(_)
            | NodeState::Watching(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_),
        )
        | None => Err(format!("{node} has no attempt under way")),
    }
}

/// Notes what a step gave. One that was cancelled is open still, or has never been if nothing happened.
fn end_step(attempt: &mut Attempt, step: &NodePath, result: &Result<Value, Failure>) -> Result<(), String> {
    let open = attempt.steps.iter().rposition(|known| known.path == *step && known.receipt.is_none());
    let at = open.ok_or_else(|| format!("the step {step} is not open"))?;
    match result {
        Err(failure) if failure.code == ErrorCode::RunCancelled => {
            if !failure.unknown_outcome {
                attempt.steps.remove(at);
            }
        }
        Ok(_) | Err(_) => {
            if let Some(known) = attempt.steps.get_mut(at) {
                known.receipt = Some(result.clone());
            }
        }
    }
    Ok(())
}

/// Takes the attempt of a node off the list of those under way; the node counts as cancelled until the caller
/// sets its next state.
pub(super) fn end_attempt(state: &mut State, node: &NodePath) -> Result<(Place, Box<Attempt>), String> {
    let place = locate(state, node)?;
    if state.attempt(place).is_none() {
        return Err(format!("{node} has no attempt under way"));
    }
    match state.set_state(place, NodeState::Done(Outcome::Cancelled)) {
        Some(NodeState::Running(attempt)) => {
            state.attempts.remove(&attempt.ticket);
            Ok((place, attempt))
        }
        Some(
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Asked(_)
            | NodeState::Watching(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_),
        )
        | None => Err(format!("{node} has no attempt under way")),
    }
}

fn fail(
    state: &mut State,
    node: &NodePath,
    failure: &Failure,
    retry_at: Option<Moment>,
) -> Result<(), String> {
    let place = locate(state, node)?;
    state.usage += failure.usage;
    let attempts = match state.node_state(place) {
        Some(NodeState::Running(_)) => {
            let (_, attempt) = end_attempt(state, node)?;
            let unknown = failure.unknown_outcome && !attempt.effect.is_repeatable();
            if unknown || attempt.has_touched() {
                touch(state, place);
            }
            // The next attempt goes on where this one failed.
            if let Some(steps) = retry_at.and_then(|_| attempt.kept_after(failure)) {
                state.kept.insert(place, steps);
            }
            attempt.number
        }
        Some(NodeState::Queued { attempts, .. }) => {
            let attempts = *attempts;
            dequeue(state, node)?;
            attempts + 1
        }
        Some(NodeState::Open(container)) => {
            let attempt = container.attempt;
            leave(state, place);
            attempt
        }
        Some(NodeState::Asked(asked)) => {
            let attempt = asked.attempt;
            withdraw(state, place);
            attempt
        }
        Some(NodeState::Watching(watch)) => {
            let attempt = watch.attempt;
            unwatch(state, place);
            if failure.code == ErrorCode::RunAborted && state.stopping.is_none() {
                let failed = NodeFailure { node: node.clone(), failure: failure.clone() };
                state.stopping = Some(Stopping::Halt(Box::new(failed)));
            }
            attempt
        }
        Some(
            NodeState::Waiting { .. }
            | NodeState::Backoff { .. }
            | NodeState::InDoubt { .. }
            | NodeState::Done(_),
        )
        | None => return Err(format!("{node} cannot fail where it stands")),
    };
    match retry_at {
        Some(until) => {
            state.set_state(place, NodeState::Backoff { attempts, until });
            state.wakes.insert((until, place));
            Ok(())
        }
        None => fail_for_good(state, place, node, failure),
    }
}

fn fail_for_good(state: &mut State, place: Place, node: &NodePath, failure: &Failure) -> Result<(), String> {
    state.failed += 1;
    if state.failures.len() < MAX_FAILURES {
        state.failures.push(NodeFailure { node: node.clone(), failure: failure.clone() });
    }
    if state.manifest.options.failure_policy == FailurePolicy::Halt
        && state.stopping.is_none()
        && !is_forgiven(state, place, failure)
    {
        let failed = NodeFailure { node: node.clone(), failure: failure.clone() };
        state.stopping = Some(Stopping::Halt(Box::new(failed)));
    }
    if let Some(frame) = state.frame_mut(place.frame)
        && frame.failed.is_none()
    {
        frame.failed = Some(Box::new(NodeFailure { node: node.clone(), failure: failure.clone() }));
    }
    finish(state, place, Outcome::Failed)
}

/// Whether a container around a node can succeed without it, or be tried again because of it.
fn is_forgiven(state: &State, place: Place, failure: &Failure) -> bool {
    let mut frame = state.frame(place.frame);
    while let Some((parent, _)) = frame.and_then(|frame| frame.parent) {
        frame = state.frame(parent.frame);
        let node = frame.and_then(|frame| frame.plan_node(parent.node));
        if let (Some(node), Some(NodeState::Open(container))) = (node, state.node_state(parent)) {
            let again =
                failure.retryable && !container.touched && container.attempt < node.retry.max_attempts;
            if again || container.wait != WaitStrategy::All {
                return true;
            }
        }
    }
    false
}

/// Marks a node done, frees what waited for it or for room, and closes its frame with the last of its nodes.
pub(super) fn finish(state: &mut State, place: Place, outcome: Outcome) -> Result<(), String> {
    if let Outcome::Succeeded(_) = outcome {
        state.succeeded += 1;
    }
    state.set_state(place, NodeState::Done(outcome));
    state.kept.remove(&place);
    state.close_account(place);
    let index = place.frame;
    let Some(frame) = state.frames.get_mut(index as usize).and_then(Option::as_mut) else {
        return Err("the frame is gone".to_owned());
    };
    frame.left = frame.left.saturating_sub(1);
    let plan = Arc::clone(&frame.plan);
    let scope = plan.scope(frame.scope).ok_or("the scope is gone")?;
    let ended = scope.node(place.node).ok_or("the node is gone")?;
    let mut freed = Vec::new();
    for dependent in &ended.dependents {
        let Some(slot) = frame.nodes.get_mut(*dependent as usize) else { continue };
        if let NodeState::Waiting { left } = slot {
            *left = left.saturating_sub(1);
            if *left == 0 {
                freed.push(*dependent);
            }
        }
    }
    let ends = if frame.left == 0 { frame.parent } else { None };
    if frame.parent.is_none() {
        let next = state.admission.leave(ended);
        freed.retain(|node| scope.node(*node).is_some_and(|plan| state.admission.lets_in(plan, *node)));
        freed.splice(0..0, next);
    }
    for node in freed {
        queue(state, Place { frame: index, node }, 0)?;
    }
    if let Some((parent, slot)) = ends {
        let mut frame = remove_frame(state, index).ok_or("the frame is gone")?;
        if let Some(container) = container_mut(state, parent) {
            container.fill(slot, &mut frame);
        }
        open_slots(state, parent)?;
    }
    Ok(())
}

fn settle(state: &mut State, node: &NodePath, decision: Decision) -> Result<(), String> {
    let place = locate(state, node)?;
    let Some(NodeState::InDoubt { attempts }) = state.node_state(place) else {
        return Err(format!("{node} is not in doubt"));
    };
    let attempts = *attempts;
    state.in_doubt.remove(&place);
    match decision {
        Decision::Repeat => queue(state, place, attempts.saturating_sub(1)),
        Decision::Fail => {
            state.kept.remove(&place);
            fail_for_good(state, place, node, &Failure::given_up())
        }
    }
}
