//! Folding what happens to containers: their frames open, end and are dropped.

use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::apply::{dequeue, locate, unqueue};
use super::asking::withdraw;
use super::container::Container;
use super::ending::finish;
use super::frame::{Frame, NodeState, Outcome, Place};
use super::scope::Frames;
use super::state::State;
use super::watching::unwatch;
use crate::executors::builtin::recursive;
use crate::executors::{FrameIndex, Slot};
use crate::journal::Opening;
use crate::workflow::model::{PlanNode, Work};

pub(super) fn remove_frame(state: &mut State, index: FrameIndex) -> Option<Frame> {
    let frame = state.frames.get_mut(index as usize)?.take()?;
    if let Some(prefix) = &frame.prefix {
        state.prefixes.remove(prefix.as_str());
    }
    state.free.push(index);
    Some(frame)
}

pub(super) fn container_mut(state: &mut State, place: Place) -> Option<&mut Container> {
    match state.frame_mut(place.frame)?.nodes.get_mut(place.node as usize)? {
        NodeState::Open(container) => Some(container),
        NodeState::Waiting { .. }
        | NodeState::Queued { .. }
        | NodeState::Running(_)
        | NodeState::Backoff { .. }
        | NodeState::Asked(_)
        | NodeState::Watching(_)
        | NodeState::InDoubt { .. }
        | NodeState::Done(_) => None,
    }
}

pub(super) fn open(
    state: &mut State,
    node: &NodePath,
    attempt: u32,
    opening: &Opening,
    at: Moment,
) -> Result<(), String> {
    let place = dequeue(state, node)?;
    let plan_node = state.plan_node(place).ok_or("the node is gone")?;
    let container = Container::open(plan_node, attempt, opening.clone(), at);
    if let Some(deadline) = container.deadline {
        state.deadlines.insert((deadline, place));
    }
    state.set_state(place, NodeState::Open(Box::new(container)));
    state.executed += 1;
    state.open_account(place);
    open_slots(state, place)
}

/// Opens as many frames of a container as its limit allows; queues the container once it is done.
pub(super) fn open_slots(state: &mut State, place: Place) -> Result<(), String> {
    loop {
        let parent = state.frame(place.frame).ok_or("the frame is gone")?;
        let Some(NodeState::Open(container)) = parent.state(place.node) else { return Ok(()) };
        if container.is_done() {
            break;
        }
        if container.open >= container.limit || container.next >= container.slots.len() {
            return Ok(());
        }
        let index = container.next;
        let node = parent.plan_node(place.node).ok_or("the node is gone")?;
        let new = container.frame(&parent.plan, node, index).ok_or("the container has no such frame")?;
        let path = parent.path(place.node).ok_or("the node is gone")?;
        let prefix = path.extended(&new.suffix).ok_or("the path is too long")?;
        let sees_parent = new.inputs.is_none();
        let inputs = new.inputs.unwrap_or_else(|| parent.inputs.clone());
        let empty = new.plan.scope(new.scope).is_none_or(|scope| scope.nodes.is_empty());
        if let Some(container) = container_mut(state, place) {
            container.next += 1;
            if empty {
                container.fill_empty(index);
                continue;
            }
            container.open += 1;
        }
        let opened = state.push_frame(Frame {
            plan: new.plan,
            scope: new.scope,
            parent: Some((place, index)),
            prefix: Some(prefix),
            bindings: new.bindings,
            inputs,
            sees_parent,
            nodes: Vec::new(),
            left: 0,
            failed: None,
            overcome: None,
        });
        if let Some(slot) = container_mut(state, place).and_then(|open| open.slots.get_mut(index)) {
            *slot = Slot::Open(opened);
        }
    }
    if container_mut(state, place).is_some_and(|container| container.spot.is_none()) {
        let spot = state.containers.push(place);
        if let Some(container) = container_mut(state, place) {
            container.spot = Some(spot);
        }
    }
    Ok(())
}

/// Goes on to the next iteration of a recursive node, whose frame takes the place of the last one's.
pub(super) fn iterate(state: &mut State, node: &NodePath, iteration: u32) -> Result<(), String> {
    let place = locate(state, node)?;
    let not_due = || format!("the iteration {iteration} of {node} is not due");
    let next = {
        let around = Frames::around(state, place).map_err(|failure| failure.message)?;
        let (Some(NodeState::Open(container)), Some(PlanNode { work: Work::Recursive(work), .. })) =
            (state.node_state(place), state.plan_node(place))
        else {
            return Err(not_due());
        };
        let last = container.iteration.as_ref().filter(|_| container.spot.is_some()).ok_or_else(not_due)?;
        recursive::following(work, last, &container.slots, &around)
    };
    if next.number != iteration {
        return Err(not_due());
    }
    let container = container_mut(state, place).ok_or_else(not_due)?;
    let spot = container.spot;
    container.iterate(next);
    if let Some(spot) = spot {
        state.containers.remove(spot);
    }
    open_slots(state, place)
}

pub(super) fn close(state: &mut State, node: &NodePath, output: &Value) -> Result<(), String> {
    let place = locate(state, node)?;
    match state.node_state(place) {
        Some(NodeState::Open(_)) => {}
        Some(NodeState::Asked(asked)) if asked.answer.is_some() => {
            withdraw(state, place);
            return finish(state, place, Outcome::Succeeded(output.clone()));
        }
        Some(NodeState::Watching(_)) => {
            unwatch(state, place);
            return finish(state, place, Outcome::Succeeded(output.clone()));
        }
        Some(
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Running(_)
            | NodeState::Backoff { .. }
            | NodeState::Asked(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_),
        )
        | None => return Err(format!("{node} is not open")),
    }
    let overcome = container_mut(state, place).and_then(Container::close_in_spite_of);
    if let Some(frame) = state.frame_mut(place.frame)
        && frame.overcome.is_none()
    {
        frame.overcome = overcome;
    }
    leave(state, place);
    finish(state, place, Outcome::Succeeded(output.clone()))
}

/// Clears away what an open container holds: its place in the queue, its deadline, the frames still open.
pub(super) fn leave(state: &mut State, place: Place) {
    let Some(NodeState::Open(container)) = state.node_state(place) else { return };
    let (spot, deadline, frames) = (container.spot, container.deadline, container.frames());
    if let Some(spot) = spot {
        state.containers.remove(spot);
    }
    if let Some(deadline) = deadline {
        state.deadlines.remove(&(deadline, place));
    }
    for index in frames {
        drop_frame(state, index);
    }
}

/// Removes a frame and everything within, as if it had never been.
fn drop_frame(state: &mut State, index: FrameIndex) {
    let nodes = state.frame(index).map_or(0, |frame| u32::try_from(frame.nodes.len()).unwrap_or(u32::MAX));
    for node in 0..nodes {
        let place = Place { frame: index, node };
        state.close_account(place);
        match state.node_state(place) {
            Some(NodeState::Running(attempt)) => {
                let (ticket, touches) = (attempt.ticket, attempt.touches());
                state.attempts.remove(ticket);
                if touches {
                    touch(state, place);
                }
            }
            Some(NodeState::Queued { spot, .. }) => {
                let spot = *spot;
                unqueue(state, place, spot);
                state.kept.remove(&place);
            }
            Some(NodeState::Backoff { until, .. }) => {
                let until = *until;
                state.wakes.remove(&(until, place));
                state.kept.remove(&place);
            }
            Some(NodeState::InDoubt { .. }) => {
                state.in_doubt.remove(&place);
                state.kept.remove(&place);
            }
            Some(NodeState::Asked(_)) => {
                withdraw(state, place);
                state.kept.remove(&place);
            }
            Some(NodeState::Watching(_)) => unwatch(state, place),
            Some(NodeState::Open(_)) => leave(state, place),
            Some(NodeState::Waiting { .. } | NodeState::Done(_)) | None => {}
        }
    }
    remove_frame(state, index);
}

/// Notes for all containers around a node that something happened which must not be repeated, or may have.
pub(super) fn touch(state: &mut State, place: Place) {
    let mut inner = place;
    while let Some((parent, _)) = state.frame(inner.frame).and_then(|frame| frame.parent) {
        match container_mut(state, parent) {
            // Then those further out know as well.
            Some(container) if container.touched => return,
            Some(container) => container.touched = true,
            None => {}
        }
        inner = parent;
    }
}
