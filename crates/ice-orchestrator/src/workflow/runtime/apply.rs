//! Folding a record into the state.

use std::sync::Arc;

use ice_core::path::NodePath;
use ice_core::time::Moment;

use super::asking::{self, ask, ask_within, escalate};
use super::budget::Funds;
use super::ending::{attempt_mut, end_attempt, end_step, fail, finish, settle};
use super::frame::{Attempt, NodeState, Outcome, Place, StepState, WindingDown};
use super::nested::{close, iterate, open, touch};
use super::queue::Spot;
use super::state::{State, Stopping};
use super::watching::{self, tell};
use crate::journal::{Body, Record};

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
    apply_body(state, record.at, &record.body)
}

/// As [`apply`], of a record whose parts stand apart.
pub(crate) fn apply_body(state: &mut State, at: Moment, body: &Body) -> Result<(), ApplyError> {
    let number = state.next;
    if state.ended.is_some() {
        return Err(ApplyError { number, what: "the run has ended".to_owned() });
    }
    if let Some(funds) = &mut state.funds {
        // It was about what was to begin then.
        funds.refused = None;
    }
    fold(state, at, body).map_err(|what| ApplyError { number, what })?;
    if state.is_limited() {
        state.spending.push(body, state.stopping.is_some());
    }
    state.last_at = at;
    state.next += 1;
    Ok(())
}

fn fold(state: &mut State, at: Moment, body: &Body) -> Result<(), String> {
    match body {
        Body::Manifest(_) => Err("a manifest is always record 0".to_owned()),
        Body::Started { node, attempt, intent, effect, held: _ } => {
            let place = locate(state, node)?;
            let watch = tell(state, place);
            if watch.is_none() {
                dequeue_at(state, place, node)?;
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
        Body::Opened { node, attempt, opening } => open(state, node, *attempt, opening, at),
        Body::Iterated { node, iteration } => iterate(state, node, *iteration),
        Body::Watching { node, attempt } => watching::watch(state, node, *attempt, at),
        Body::Checked { node, holds, last, metrics } => {
            watching::checked(state, node, *holds, *last, metrics, at)
        }
        Body::Alerted { node, sent, .. } => watching::alerted(state, node, sent, at),
        Body::Asked { node, question, step: Some(step), .. } => ask_within(state, node, step, question, at),
        Body::Asked { node, attempt, question, step: None } => ask(state, node, *attempt, question, at),
        Body::Escalated { node, .. } => escalate(state, node, at),
        Body::Answered { node, answer } => asking::answer(state, node, answer, at),
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
        Body::Funded { until, refused } => {
            state.funds = Some(Funds { until: *until, refused: refused.clone() });
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
    dequeue_at(state, place, node)?;
    Ok(place)
}

fn dequeue_at(state: &mut State, place: Place, node: &NodePath) -> Result<(), String> {
    let Some(NodeState::Queued { spot, .. }) = state.node_state(place) else {
        return Err(format!("{node} is not queued"));
    };
    let spot = *spot;
    unqueue(state, place, spot);
    Ok(())
}

pub(super) fn unqueue(state: &mut State, place: Place, spot: Spot) {
    match state.plan_node(place).map(|node| node.work.is_leaf()) {
        Some(true) => state.leaves.remove(spot),
        Some(false) => state.containers.remove(spot),
        None => {}
    }
}

pub(super) fn queue(state: &mut State, place: Place, attempts: u32) -> Result<(), String> {
    let plan = state.frame(place.frame).map(|frame| (Arc::clone(&frame.plan), frame.scope));
    let (plan, scope) = plan.ok_or("the frame is gone")?;
    let node = plan.scope(scope).and_then(|scope| scope.node(place.node)).ok_or("the node is gone")?;
    let spot = state.queue_of(node).push(place);
    state.set_state(place, NodeState::Queued { attempts, spot });
    Ok(())
}
