//! What must always hold of a run.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ice_core::path::NodePath;
use ice_core::tools::Effect;

use crate::executors::{FrameIndex, Slot};
use crate::journal::{Body, Failure};
use crate::workflow::model::Work;
use crate::workflow::runtime::{Container, NodeState, Phase, Place, State, counts};

/// What has been done to the world, which no crash undoes.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// What cannot be repeated, and has happened or may have.
    happened: HashSet<NodePath>,
    performed: u64,
}

impl Checks {
    /// Effects performed so far.
    pub(super) const fn performed(&self) -> u64 {
        self.performed
    }

    /// An effect is performed now; its intent is durable or not.
    pub(super) fn perform(&mut self, path: &NodePath, effect: Effect, durable: bool) -> Result<(), String> {
        self.performed += 1;
        if effect.needs_barrier() && !durable {
            return Err(format!("the effect of {path} is performed before its intent is durable"));
        }
        if !effect.is_repeatable() && !self.happened.insert(path.clone()) {
            return Err(format!("the {effect:?} effect of {path} is performed again"));
        }
        Ok(())
    }

    /// An effect ended, as those see it who performed it.
    pub(super) fn ended<T>(&mut self, path: &NodePath, result: &Result<T, Failure>) {
        if let Err(failure) = result
            && !failure.unknown_outcome
        {
            self.happened.remove(path);
        }
    }

    /// Somebody decided that a node is repeated: whatever happened at it or below may happen again.
    pub(super) fn repeat(&mut self, path: &NodePath) {
        self.happened.remove(path);
    }

    /// Before a record is applied.
    pub(super) fn record(state: &State, body: &Body) -> Result<(), String> {
        let (node, attempt) = match body {
            Body::Started { node, attempt, .. }
            | Body::Opened { node, attempt, .. }
            | Body::Watching { node, attempt }
            | Body::Asked { node, attempt, .. } => (node, *attempt),
            Body::Manifest(_)
            | Body::Step { .. }
            | Body::Receipt { .. }
            | Body::Succeeded { .. }
            | Body::Failed { .. }
            | Body::Woken { .. }
            | Body::Skipped { .. }
            | Body::Iterated { .. }
            | Body::Checked { .. }
            | Body::Alerted { .. }
            | Body::Escalated { .. }
            | Body::Answered { .. }
            | Body::Reported { .. }
            | Body::Denied { .. }
            | Body::Closed { .. }
            | Body::Cancelling { .. }
            | Body::Cancelled { .. }
            | Body::Discarded { .. }
            | Body::Unresponsive { .. }
            | Body::InDoubt { .. }
            | Body::Settled { .. }
            | Body::Exceeded { .. }
            | Body::Funded { .. }
            | Body::Migrated(_)
            | Body::Parked { .. }
            | Body::Resumed { .. }
            | Body::Ended { .. } => return Ok(()),
        };
        if state.stopping.is_some() {
            return Err(format!("{node} starts after the run was stopped"));
        }
        if state.parked.is_some() {
            return Err(format!("{node} starts while the run is parked"));
        }
        let plan = state.locate(node).and_then(|place| state.plan_node(place));
        let most = plan.map(|node| node.retry.max_attempts).unwrap_or_default();
        if attempt == 0 || attempt > most {
            return Err(format!("{node} makes attempt {attempt} of {most}"));
        }
        Ok(())
    }

    /// The limit holds for what really runs, or is about to.
    pub(super) fn under_way(state: &State, running: usize) -> Result<(), String> {
        let most = state.manifest.options.max_parallel as usize;
        if running > most {
            return Err(format!("{running} attempts run, the limit is {most}"));
        }
        Ok(())
    }

    /// After records were applied: the state fits together, and limits hold.
    pub(super) fn state(state: &State) -> Result<(), String> {
        let most = state.manifest.options.max_parallel as usize;
        let under_way = state.attempts.len() + state.winding_down.len();
        if under_way > most {
            return Err(format!("{under_way} attempts are under way, the limit is {most}"));
        }
        if state.ended.is_some() {
            return Ok(());
        }
        let mut found = Found::default();
        for (frame, index) in state.frames.iter().zip(0_u32..) {
            let Some(frame) = frame else { continue };
            found.frame(state, index)?;
            let known = frame.prefix.as_ref().map(|prefix| state.prefixes.get(prefix.as_str()));
            if known.is_some_and(|known| known != Some(&index)) {
                return Err(format!("the frame {index} is not found under its path"));
            }
        }
        found.compare(state)
    }

    /// Once a run has ended: everything is accounted for, and nothing is left behind.
    pub(super) fn finished(state: &State) -> Result<(), String> {
        if state.stopping.is_some() {
            let left = state.attempts.len() + state.winding_down.len();
            return if left == 0 { Ok(()) } else { Err("attempts are left".to_owned()) };
        }
        let top = state.frame(0).ok_or("the top frame is gone")?;
        let open = top.nodes.iter().filter(|node| !matches!(node, NodeState::Done(_))).count();
        let frames = state.frames.iter().flatten().count();
        let left = state.attempts.len()
            + state.winding_down.len()
            + state.wakes.len()
            + state.deadlines.len()
            + state.in_doubt.len()
            + state.questions.len()
            + state.kept.len()
            + state.prefixes.len();
        if top.left != 0 || open != 0 || frames != 1 || left != 0 || state.has_turns() {
            return Err(format!(
                "the run ended with {open} open nodes, {frames} frames, {left} entries left"
            ));
        }
        Ok(())
    }
}

/// What the nodes of all frames say, to be compared with the state's indexes.
#[derive(Debug, Default)]
struct Found {
    attempts: BTreeMap<u64, Place>,
    queued: usize,
    /// Nodes of the top scope that are let in, and those that are held back.
    let_in: (usize, usize),
    wakes: usize,
    deadlines: usize,
    in_doubt: BTreeSet<Place>,
    questions: BTreeSet<Place>,
    frames: BTreeSet<FrameIndex>,
}

impl Found {
    fn frame(&mut self, state: &State, index: FrameIndex) -> Result<(), String> {
        let frame = state.frame(index).ok_or("the frame is gone")?;
        let mut left = 0;
        for (node, number) in frame.nodes.iter().zip(0_u32..) {
            let place = Place { frame: index, node: number };
            if index == 0 && state.plan_node(place).is_some_and(counts) {
                match node {
                    NodeState::Waiting { left: 0 } => self.let_in.1 += 1,
                    NodeState::Waiting { .. } | NodeState::Done(_) => {}
                    NodeState::Queued { .. }
                    | NodeState::Running(_)
                    | NodeState::Backoff { .. }
                    | NodeState::Open(_)
                    | NodeState::Asked(_)
                    | NodeState::Watching(_)
                    | NodeState::InDoubt { .. } => self.let_in.0 += 1,
                }
            }
            match node {
                NodeState::Waiting { .. } => {}
                NodeState::Queued { .. } => self.queued += 1,
                NodeState::Running(attempt) => drop(self.attempts.insert(attempt.ticket, place)),
                NodeState::Backoff { until, .. } => {
                    self.wakes += 1;
                    if !state.wakes.contains(&(*until, place)) {
                        return Err(format!("nothing wakes {:?}", state.path(place)));
                    }
                }
                NodeState::Asked(asked) => {
                    if let Some(due) = asked.due() {
                        self.wakes += 1;
                        if !state.wakes.contains(&(due, place)) {
                            return Err(format!("nothing ends the question of {:?}", state.path(place)));
                        }
                    }
                    match asked.answer {
                        Some(_) => self.queued += 1,
                        None => drop(self.questions.insert(place)),
                    }
                }
                NodeState::Watching(watch) => match watch.phase {
                    Phase::Look(due) => {
                        self.wakes += 1;
                        if !state.wakes.contains(&(due, place)) {
                            return Err(format!("nothing makes {:?} look again", state.path(place)));
                        }
                    }
                    Phase::Tell(_) | Phase::Act(_) => self.queued += 1,
                    Phase::Telling => return Err(format!("{:?} tells nobody", state.path(place))),
                },
                NodeState::InDoubt { .. } => drop(self.in_doubt.insert(place)),
                NodeState::Open(container) => self.container(state, place, container)?,
                NodeState::Done(_) => continue,
            }
            left += 1;
        }
        if state.stopping.is_none() && left != frame.left {
            return Err(format!("the frame {index} counts {} nodes left of {left}", frame.left));
        }
        Ok(())
    }

    fn container(&mut self, state: &State, place: Place, container: &Container) -> Result<(), String> {
        let path = state.path(place);
        let frames = container.frames();
        let limit = match state.plan_node(place).map(|node| &node.work) {
            Some(Work::Loop(plan)) => plan.limit,
            Some(Work::Parallel(plan)) => plan.limit(),
            Some(Work::Condition(_) | Work::Workflow(_) | Work::Recursive(_)) => 1,
            Some(
                Work::Tool(_)
                | Work::Llm(_)
                | Work::Agent(_)
                | Work::Swarm(_)
                | Work::Code(_)
                | Work::Human(_)
                | Work::Monitor(_),
            )
            | None => 0,
        };
        if frames.len() != container.open || frames.len() > limit {
            return Err(format!("{path:?} has {} frames open, the limit is {limit}", frames.len()));
        }
        for (slot, number) in container.slots.iter().zip(0_usize..) {
            if let Slot::Open(frame) = slot {
                let parent = state.frame(*frame).and_then(|frame| frame.parent);
                if parent != Some((place, number)) || !self.frames.insert(*frame) {
                    return Err(format!("slot {number} of {path:?} holds a frame that is not its own"));
                }
            }
            if number >= container.next && *slot != Slot::Empty {
                return Err(format!("slot {number} of {path:?} is used before its turn"));
            }
        }
        self.queued += usize::from(container.spot.is_some());
        if let Some(deadline) = container.deadline {
            self.deadlines += 1;
            if !state.deadlines.contains(&(deadline, place)) {
                return Err(format!("the deadline of {path:?} is not watched"));
            }
        }
        Ok(())
    }

    fn compare(&self, state: &State) -> Result<(), String> {
        let queued = state.leaves.iter().chain(state.containers.iter()).collect::<BTreeSet<_>>();
        let open = state.frames.iter().zip(0_u32..).filter(|(frame, _)| frame.is_some());
        let open: BTreeSet<FrameIndex> = open.map(|(_, index)| index).filter(|index| *index != 0).collect();
        let admission = &state.admission;
        let (let_in, held) = self.let_in;
        if let_in > admission.most() || (state.stopping.is_none() && held > 0 && let_in < admission.most()) {
            return Err(format!("{let_in} nodes of the top scope are under way, and {held} are held back"));
        }
        if state.stopping.is_none() && self.let_in != (admission.under_way, admission.held.len()) {
            return Err(format!("the nodes of the top scope do not fit {admission:?}"));
        }
        if !self.attempts.iter().map(|(ticket, place)| (*ticket, *place)).eq(state.attempts.iter())
            || self.in_doubt != state.in_doubt
            || self.questions != state.questions
            || (self.queued, self.wakes, self.deadlines)
                != (queued.len(), state.wakes.len(), state.deadlines.len())
            || self.frames != open
            || open.len() != state.prefixes.len()
        {
            return Err(format!("the indexes of the state do not fit its frames: {self:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ice_core::error::ErrorCode;

    use super::*;

    #[test]
    fn what_cannot_be_repeated_is_performed_once() {
        let path: NodePath = "a".parse().unwrap();
        let mut checks = Checks::default();
        for _ in 0..2 {
            checks.perform(&path, Effect::Idempotent, true).unwrap();
        }
        checks.perform(&path, Effect::Irreversible, true).unwrap();
        checks.perform(&path, Effect::Irreversible, true).unwrap_err();
        let known = Failure::new(ErrorCode::ToolFailed, "not begun");
        checks.ended::<()>(&path, &Err(Failure { unknown_outcome: true, ..known.clone() }));
        checks.perform(&path, Effect::Compensable, true).unwrap_err();
        checks.ended::<()>(&path, &Err(known));
        checks.perform(&path, Effect::Irreversible, true).unwrap();
        checks.repeat(&path);
        checks.perform(&path, Effect::Irreversible, true).unwrap();
        assert_eq!(checks.performed(), 7);
    }

    #[test]
    fn effects_wait_for_their_intent() {
        let path: NodePath = "a".parse().unwrap();
        let mut checks = Checks::default();
        checks.perform(&path, Effect::Pure, false).unwrap();
        checks.perform(&path, Effect::Idempotent, false).unwrap_err();
    }
}
