//! Folding what happens to questions.

use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::tools::Effect;

use super::apply::{dequeue, locate, queue};
use super::ending::end_attempt;
use super::frame::{Asked, NodeState, Place, StepState};
use super::nested::touch;
use super::state::State;
use crate::journal::{Answer, Question};

pub(super) fn ask(
    state: &mut State,
    node: &NodePath,
    attempt: u32,
    question: &Question,
    at: Moment,
) -> Result<(), String> {
    let place = dequeue(state, node)?;
    let number = state.next;
    let asked = Asked {
        number,
        attempt,
        question: question.clone(),
        at,
        escalated_at: None,
        answer: None,
        step: None,
    };
    state.wakes.extend(asked.due().map(|due| (due, place)));
    state.questions.insert(place);
    state.set_state(place, NodeState::Asked(Box::new(asked)));
    state.executed += 1;
    Ok(())
}

/// An attempt ended for want of an answer: what ended in it is kept for when it is made again.
pub(super) fn ask_within(
    state: &mut State,
    node: &NodePath,
    step: &NodePath,
    question: &Question,
    at: Moment,
) -> Result<(), String> {
    let number = state.next;
    let (place, attempt) = end_attempt(state, node)?;
    if attempt.touches() {
        touch(state, place);
    }
    let asked = Asked {
        number,
        attempt: attempt.number,
        question: question.clone(),
        at,
        escalated_at: None,
        answer: None,
        step: Some(step.clone()),
    };
    if !attempt.steps.is_empty() {
        state.kept.insert(place, attempt.steps);
    }
    state.wakes.extend(asked.due().map(|due| (due, place)));
    state.questions.insert(place);
    state.set_state(place, NodeState::Asked(Box::new(asked)));
    Ok(())
}

pub(super) fn escalate(state: &mut State, node: &NodePath, at: Moment) -> Result<(), String> {
    let (place, asked) = open_mut(state, node)?;
    let before = asked.due();
    asked.escalated_at = Some(at);
    let due = asked.due();
    if let Some(before) = before {
        state.wakes.remove(&(before, place));
    }
    state.wakes.extend(due.map(|due| (due, place)));
    Ok(())
}

/// What is answered is decided about with the next turn.
pub(super) fn answer(state: &mut State, node: &NodePath, answer: &Answer, at: Moment) -> Result<(), String> {
    let (place, asked) = open_mut(state, node)?;
    let (due, attempt) = (asked.due(), asked.attempt);
    if let Some(path) = asked.step.clone() {
        // The answer is what the step gave, and the attempt is made again.
        let receipt = Some(Ok(answer.told()));
        state.kept.entry(place).or_default().push(StepState { path, effect: Effect::Pure, receipt });
        if let Some(due) = due {
            state.wakes.remove(&(due, place));
        }
        state.questions.remove(&place);
        return queue(state, place, attempt.saturating_sub(1));
    }
    let spot = state.containers.push(place);
    if let Ok((_, asked)) = open_mut(state, node) {
        asked.answer = Some((answer.clone(), at, spot));
    }
    if let Some(due) = due {
        state.wakes.remove(&(due, place));
    }
    state.questions.remove(&place);
    Ok(())
}

/// Clears away what a question holds: its timer, its place among those without an answer or in the queue.
pub(super) fn withdraw(state: &mut State, place: Place) {
    let Some(asked) = state.asked(place) else { return };
    let (due, spot) = (asked.due(), asked.answer.as_ref().map(|(_, _, spot)| *spot));
    if let Some(due) = due {
        state.wakes.remove(&(due, place));
    }
    if let Some(spot) = spot {
        state.containers.remove(spot);
    }
    state.questions.remove(&place);
}

/// The question of a node, which has no answer.
fn open_mut<'s>(state: &'s mut State, node: &NodePath) -> Result<(Place, &'s mut Asked), String> {
    let place = locate(state, node)?;
    let slot = state.frame_mut(place.frame).and_then(|frame| frame.nodes.get_mut(place.node as usize));
    match slot {
        Some(NodeState::Asked(asked)) if asked.answer.is_none() => Ok((place, asked)),
        Some(
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Running(_)
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Asked(_)
            | NodeState::Watching(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_),
        )
        | None => Err(format!("{node} has no question without an answer")),
    }
}
