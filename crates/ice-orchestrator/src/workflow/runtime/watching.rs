//! Folding what happens to monitors: they look, tell, wait, and end.

use std::time::Duration;

use ice_core::blueprint::ActionOnTrigger;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::apply::{dequeue, locate};
use super::ending::end_attempt;
use super::frame::{NodeState, Place};
use super::queue::Spot;
use super::state::State;
use crate::executors::builtin::monitor::{Metrics, Tally};
use crate::workflow::model::{MonitorPlan, Work};

/// A monitor at work.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watch {
    pub(crate) attempt: u32,
    pub(crate) since: Moment,
    pub(crate) tally: Tally,
    /// Whether the expression held when it looked last.
    pub(crate) holds: bool,
    /// Whether that was the last time.
    pub(crate) is_over: bool,
    /// The metrics it read then.
    pub(crate) metrics: Value,
    pub(crate) phase: Phase,
}

/// What a monitor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its next look.
    Look(Moment),
    /// Room to tell its channels: it is in the queue of leaves.
    Tell(Spot),
    /// That its channels have been told.
    Telling,
    /// That it acts, or ends: it is in the queue of containers.
    Act(Spot),
}

impl State {
    /// The monitor at a place, but for one that is telling its channels.
    pub(crate) fn watch(&self, place: Place) -> Option<&Watch> {
        match self.node_state(place)? {
            NodeState::Watching(watch) => Some(watch),
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Running(_)
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Asked(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_) => None,
        }
    }

    fn watch_mut(&mut self, place: Place) -> Option<&mut Watch> {
        match self.frame_mut(place.frame)?.nodes.get_mut(place.node as usize)? {
            NodeState::Watching(watch) => Some(watch),
            NodeState::Waiting { .. }
            | NodeState::Queued { .. }
            | NodeState::Running(_)
            | NodeState::Backoff { .. }
            | NodeState::Open(_)
            | NodeState::Asked(_)
            | NodeState::InDoubt { .. }
            | NodeState::Done(_) => None,
        }
    }

    pub(crate) fn monitor(&self, place: Place) -> Option<&MonitorPlan> {
        match &self.plan_node(place)?.work {
            Work::Monitor(plan) => Some(plan),
            Work::Tool(_)
            | Work::Llm(_)
            | Work::Agent(_)
            | Work::Swarm(_)
            | Work::Code(_)
            | Work::Condition(_)
            | Work::Loop(_)
            | Work::Parallel(_)
            | Work::Workflow(_)
            | Work::Recursive(_)
            | Work::Human(_) => None,
        }
    }

    /// The metrics of the run at a moment.
    pub(crate) fn metrics(&self, now: Moment) -> Metrics {
        Metrics {
            elapsed: now.since(self.first_at),
            usage: self.usage,
            succeeded: self.succeeded,
            failed: self.failed,
            attempts: self.executed,
        }
    }

    /// Whether nothing goes on by itself any more but monitors: what they look at changes only by what people do.
    pub(crate) fn has_only_monitors(&self) -> bool {
        !self.wakes.is_empty()
            && self.questions.is_empty()
            && self.wakes.iter().all(|(_, place)| self.watch(*place).is_some())
    }
}

pub(super) fn watch(state: &mut State, node: &NodePath, attempt: u32, at: Moment) -> Result<(), String> {
    let place = dequeue(state, node)?;
    let watch = Watch {
        attempt,
        since: at,
        tally: Tally::default(),
        holds: false,
        is_over: false,
        metrics: Value::Null,
        phase: Phase::Look(at),
    };
    state.wakes.insert((at, place));
    state.set_state(place, NodeState::Watching(Box::new(watch)));
    state.executed += 1;
    Ok(())
}

pub(super) fn checked(
    state: &mut State,
    node: &NodePath,
    holds: bool,
    is_last: bool,
    metrics: &Value,
    at: Moment,
) -> Result<(), String> {
    let place = locate(state, node)?;
    let plan = state.monitor(place).ok_or_else(|| format!("{node} is no monitor"))?;
    let (most, timeout, tells) = (plan.most, plan.timeout, !plan.channels.is_empty());
    let watch = state.watch_mut(place).ok_or_else(|| format!("{node} does not watch"))?;
    let Phase::Look(due) = watch.phase else { return Err(format!("{node} does not look")) };
    watch.tally.checks += 1;
    watch.tally.triggers += u64::from(holds);
    watch.holds = holds;
    watch.metrics = metrics.clone();
    watch.is_over = is_last
        || most.is_some_and(|most| watch.tally.checks >= most)
        || timeout.is_some_and(|limit| watch.since.plus(limit) <= at);
    state.wakes.remove(&(due, place));
    if holds && tells {
        let spot = state.leaves.push(place);
        set_phase(state, place, Phase::Tell(spot));
    } else {
        go_on(state, place, at);
    }
    Ok(())
}

/// The channels are being told.
pub(super) fn tell(state: &mut State, place: Place) -> Option<Box<Watch>> {
    let Some(Phase::Tell(spot)) = state.watch(place).map(|watch| watch.phase) else { return None };
    state.leaves.remove(spot);
    set_phase(state, place, Phase::Telling);
    state.watch(place).cloned().map(Box::new)
}

pub(super) fn alerted(state: &mut State, node: &NodePath, sent: &Value, at: Moment) -> Result<(), String> {
    let place = locate(state, node)?;
    let (_, attempt) = end_attempt(state, node)?;
    let mut watch = attempt.watch.ok_or_else(|| format!("{node} tells nobody anything"))?;
    let sent = sent.as_map().into_iter().flatten().filter(|(_, sent)| **sent == Value::from(true));
    watch.tally.alerts += sent.count() as u64;
    state.set_state(place, NodeState::Watching(watch));
    go_on(state, place, at);
    Ok(())
}

/// After a look, and after it was told of: the monitor acts, ends, or waits for the next one.
fn go_on(state: &mut State, place: Place, at: Moment) {
    let (Some(watch), Some(plan)) = (state.watch(place), state.monitor(place)) else { return };
    let acts = watch.holds
        && match plan.action {
            ActionOnTrigger::AlertOnly => false,
            ActionOnTrigger::Pause | ActionOnTrigger::Abort => true,
        };
    if acts || watch.is_over {
        let spot = state.containers.push(place);
        set_phase(state, place, Phase::Act(spot));
        return;
    }
    let end = plan.timeout.map(|limit: Duration| watch.since.plus(limit));
    let due = at.plus(plan.interval);
    let due = end.map_or(due, |end| due.min(end.max(at)));
    state.wakes.insert((due, place));
    set_phase(state, place, Phase::Look(due));
}

fn set_phase(state: &mut State, place: Place, phase: Phase) {
    if let Some(watch) = state.watch_mut(place) {
        watch.phase = phase;
    }
}

/// Clears away what a monitor holds: its timer, or its place in a queue.
pub(super) fn unwatch(state: &mut State, place: Place) {
    match state.watch(place).map(|watch| watch.phase) {
        Some(Phase::Look(due)) => {
            state.wakes.remove(&(due, place));
        }
        Some(Phase::Tell(spot)) => state.leaves.remove(spot),
        Some(Phase::Act(spot)) => state.containers.remove(spot),
        Some(Phase::Telling) | None => {}
    }
}
