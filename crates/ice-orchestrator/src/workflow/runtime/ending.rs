//! Folding the ends of steps, attempts and nodes.

use std::sync::Arc;

use ice_core::blueprint::WaitStrategy;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::apply::{dequeue, locate, queue};
use super::asking::withdraw;
use super::frame::{Attempt, NodeState, Outcome, Place};
use super::nested::{container_mut, leave, open_slots, remove_frame, touch};
use super::state::{MAX_FAILURES, State, Stopping};
use super::watching::unwatch;
use crate::journal::{Decision, Failure, FailurePolicy, NodeFailure};
use crate::workflow::model::{NodeIndex, PlanNode};

pub(super) fn attempt_mut<'s>(state: &'s mut State, node: &NodePath) -> Result<&'s mut Attempt, String> {
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
pub(super) fn end_step(
    attempt: &mut Attempt,
    step: &NodePath,
    result: &Result<Value, Failure>,
) -> Result<(), String> {
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
            state.attempts.remove(attempt.ticket);
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

pub(super) fn fail(
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
    let frame = state.frame_mut(index).ok_or("the frame is gone")?;
    frame.left = frame.left.saturating_sub(1);
    let (plan, is_top) = (Arc::clone(&frame.plan), frame.parent.is_none());
    let ends = if frame.left == 0 { frame.parent } else { None };
    let scope = plan.scope(frame.scope).ok_or("the scope is gone")?;
    let ended = scope.node(place.node).ok_or("the node is gone")?;
    let free = |state: &mut State, node: NodeIndex, plan: &PlanNode| {
        let place = Place { frame: index, node };
        let spot = state.queue_of(plan).push(place);
        state.set_state(place, NodeState::Queued { attempts: 0, spot });
    };
    if is_top
        && let Some(next) = state.admission.leave(ended)
        && let Some(plan) = scope.node(next)
    {
        free(state, next, plan);
    }
    for dependent in &ended.dependents {
        let waiting = state.frame_mut(index).and_then(|frame| frame.nodes.get_mut(*dependent as usize));
        let Some(NodeState::Waiting { left }) = waiting else { continue };
        *left = left.saturating_sub(1);
        if *left == 0
            && let Some(plan) = scope.node(*dependent)
            && (!is_top || state.admission.lets_in(plan, *dependent))
        {
            free(state, *dependent, plan);
        }
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

pub(super) fn settle(state: &mut State, node: &NodePath, decision: Decision) -> Result<(), String> {
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
