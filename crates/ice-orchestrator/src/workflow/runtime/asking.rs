//! Folding what happens to questions.

use ice_core::path::NodePath;
use ice_core::time::Moment;

use super::apply::{dequeue, locate};
use super::frame::{Asked, NodeState, Place};
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
    let asked = Asked { number, attempt, question: question.clone(), at, escalated_at: None, answer: None };
    state.wakes.extend(asked.due().map(|due| (due, place)));
    state.questions.insert(place);
    state.set_state(place, NodeState::Asked(Box::new(asked)));
    state.executed += 1;
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
    let due = asked.due();
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
