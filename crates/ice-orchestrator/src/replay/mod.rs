//! Replay: a journal is gone through again, with everything of ours done anew.
//!
//! References, templates, conditions, joins, retries, limits and the order of things are decided again by the state machine
//! over the plan; results of effects, times, ids and the order in which things ended are taken from the journal. The first
//! record that would come out differently is a [`Divergence`]. So a journal tells whether a changed blueprint, or a changed
//! engine, still does what it did.

mod diff;
mod difference;
mod divergence;
mod policed;
mod steps;

use std::collections::VecDeque;
use std::sync::Arc;

use ice_core::budget::Spend;
use ice_core::error::ErrorCode;
use ice_core::llm::{PromptPolicy, RedactSecrets};
use ice_core::path::NodePath;
use ice_core::time::Moment;

use steps::Steps;

pub use diff::{NodeDiff, Pair, RunDiff, RunSide, diff};
pub use divergence::{Difference, Divergence, What};

#[cfg(feature = "testing")]
pub(crate) use difference::all as differences;

use crate::journal::{AnswerKind, Body, Lapse, Record, RunStatus};
use crate::workflow::Plan;
use crate::workflow::runtime::{Input, State, apply, begin_of, decide, is_instead_of, without_suffix};

/// Goes through a journal, record after record.
#[derive(Debug)]
pub struct Replay {
    plan: Arc<Plan>,
    state: Option<State>,
    /// What was decided together and has not been compared yet.
    decided: VecDeque<Body>,
    steps: Steps,
    /// Records before this number are the past of a run that was moved to this plan: what could have begun there over it and
    /// did not begins later.
    past: u64,
    /// Who looked at prompts and calls before they were recorded.
    policy: Arc<dyn PromptPolicy>,
}

impl Replay {
    /// A replay over a plan: the one the run is pinned to, or another that is to be compared with it.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let policy: Arc<dyn PromptPolicy> = Arc::new(RedactSecrets::default());
        let steps = Steps::new(Arc::clone(&policy));
        Self { plan, state: None, decided: VecDeque::new(), steps, past: 0, policy }
    }

    /// The same with the policy of the engine that drove the run. Without one it is the default of engines.
    #[must_use]
    pub fn inspected_by(mut self, policy: Arc<dyn PromptPolicy>) -> Self {
        self.steps = Steps::new(Arc::clone(&policy));
        self.policy = policy;
        self
    }

    /// The same for a run that was moved to its plan by the record of this number, or is to be moved after it.
    #[must_use]
    pub const fn moved_at(mut self, record: u64) -> Self {
        self.past = record;
        self
    }

    /// The state after the records so far; none before the first.
    #[must_use]
    pub const fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Compares the end of the journal, unless its run is under way: nothing more may be decided now.
    ///
    /// # Errors
    /// The [`Divergence`], if something is.
    pub fn finish(&self) -> Result<(), Box<Divergence>> {
        let Some(state) = &self.state else { return Ok(()) };
        let waits = state.status() == RunStatus::Waiting;
        let more = self.decided.front().cloned().or_else(|| {
            waits.then(|| decide(state, Input::Advance, state.updated_at()).records.into_iter().next())?
        });
        match more {
            Some(body) => {
                let (number, node) = (state.next_number(), body.node().cloned());
                Err(Divergence::boxed(number, node, What::More(Box::new(body))))
            }
            None => Ok(()),
        }
    }

    /// Whether the record can be of the past of a run that is forked, after the records so far.
    pub(crate) fn takes(&self, record: &Record) -> bool {
        let mut decided = self.decided.clone();
        self.state
            .as_ref()
            .is_some_and(|state| compare_past(state, &mut decided, record, &*self.policy).is_ok())
    }

    /// Whether the records so far are all that was decided together: what comes next is decided anew.
    #[must_use]
    pub fn is_between_decisions(&self) -> bool {
        self.decided.is_empty()
    }

    /// Compares the steps of nodes that have begun and not ended: what such a node goes on with must be what it did.
    ///
    /// # Errors
    /// The [`Divergence`], if one of them is another now.
    pub(crate) fn compare_open_steps(&self) -> Result<(), Box<Divergence>> {
        self.state.as_ref().map_or(Ok(()), |state| self.steps.compare_open(state))
    }

    /// The state after the records so far.
    pub(crate) fn into_state(self) -> Option<State> {
        // What calls take from here on is nobody's word but that of their providers.
        self.state.map(|state| State { told: None, ..state })
    }

    /// Compares the next record with what is decided now, and goes on with it.
    ///
    /// # Errors
    /// The [`Divergence`], if something else is decided now. The replay goes no further then.
    pub fn push(&mut self, record: &Record) -> Result<(), Box<Divergence>> {
        let Some(state) = &mut self.state else {
            let Body::Manifest(manifest) = &record.body else {
                return Err(Divergence::boxed(
                    0,
                    None,
                    What::Impossible("it does not begin with a manifest".into()),
                ));
            };
            self.state = Some(State::new(Arc::new((**manifest).clone()), Arc::clone(&self.plan), record.at));
            return Ok(());
        };
        let number = state.next_number();
        let forked = state.manifest().forked.as_ref();
        if number == self.past || forked.is_some_and(|forked| forked.cuts().any(|cut| cut == number)) {
            // From here on the run went its own way.
            self.decided.clear();
        }
        let is_past = number < self.past || forked.is_some_and(|forked| number < forked.record);
        let compare = if is_past { compare_past } else { compare };
        // What calls were taken to take at worst is from outside: prices change.
        state.told = told(&record.body);
        self.steps.see(number, &record.body);
        self.steps.compare(state, number, &record.body)?;
        compare(state, &mut self.decided, record, &*self.policy)
            .and_then(|()| apply(state, record).map_err(|error| What::Impossible(error.to_string())))
            .map_err(|what| Divergence::boxed(number, record.body.node().cloned(), what))
    }
}

/// What the call that a record is about was taken to take at worst.
fn told(body: &Body) -> Option<Spend> {
    if let Body::Started { held, .. } | Body::Step { held, .. } = body {
        return held.as_deref().copied();
    }
    if let Body::Failed { failure, .. } = body {
        return failure.wanted.as_deref().copied();
    }
    None
}

/// Whether the record is what is decided in this state.
fn compare(
    state: &State,
    decided: &mut VecDeque<Body>,
    record: &Record,
    policy: &dyn PromptPolicy,
) -> Result<(), What> {
    let Record { at, body } = record;
    if matches!(body, Body::Resumed { .. } | Body::Funded { .. }) {
        // What was decided and not kept when a process ended is decided again.
        decided.clear();
    }
    if let Some(expected) = decided.pop_front() {
        if policed::is_same(policy, &expected, body) {
            return Ok(());
        }
        return same(&expected, body).inspect_err(|_| decided.clear()).or_else(|what| {
            // What could not be kept, or was stopped, was decided again after its node had failed.
            if is_instead(policy, body, &expected) { Ok(()) } else { Err(what) }
        });
    }
    match body {
        // An attempt that ended for want of an answer.
        Body::Asked { node, step: Some(_), .. } if state.ticket_at(node).is_some() => Ok(()),
        Body::Started { .. }
        | Body::Opened { .. }
        | Body::Iterated { .. }
        | Body::Watching { .. }
        | Body::Asked { .. }
        | Body::Skipped { .. }
        | Body::Closed { .. } => advance(state, decided, body, *at, policy),
        Body::Checked { .. } => in_time_or_at_once(state, decided, body, *at, policy),
        // An engine that cannot drive a run parks it, or ends it if somebody wants that, without looking at its nodes.
        Body::Parked { failure } if failure.code != ErrorCode::RunInDoubt => Ok(()),
        Body::Ended { status: RunStatus::Cancelled, .. } if state.has_attempts() => Ok(()),
        Body::Parked { .. } | Body::Ended { .. } => advance(state, decided, body, *at, policy),
        Body::Failed { node, failure, .. } => match state.ticket_at(node) {
            Some(ticket) => {
                let result = Err(without_suffix(failure.clone()));
                let input = Input::Completed { ticket, result, unresponsive: false };
                batch(decide(state, input, *at).records, decided, body, policy)
            }
            None => in_time_or_at_once(state, decided, body, *at, policy),
        },
        // It was cancelled and ended by itself, or was withdrawn.
        Body::Cancelled { node, .. } if state.is_stopping() && state.ticket_at(node).is_some() => Ok(()),
        Body::Cancelled { .. } => in_time_or_at_once(state, decided, body, *at, policy),
        Body::Woken { .. } => in_time(state, body, *at),
        Body::Escalated { node, .. } => lapsed(state, node, *at, Lapse::Escalate),
        Body::Answered { node, answer } => match answer.kind {
            AnswerKind::Given => Ok(()),
            AnswerKind::AutoApproved => lapsed(state, node, *at, Lapse::AutoApprove),
            AnswerKind::TimedOut => lapsed(state, node, *at, Lapse::Reject),
        },
        Body::Resumed { by, epoch } => {
            let input = Input::Recovered { by: by.clone(), epoch: *epoch };
            batch(decide(state, input, *at).records, decided, body, policy)
        }
        Body::Manifest(_) => Err(What::Impossible("it has a second manifest".to_owned())),
        Body::Exceeded { .. } => in_time(state, body, *at),
        Body::Step { step, node, intent, effect, .. } => match state.ticket_at(node) {
            Some(ticket) => {
                let (step, intent, effect) = (step.clone(), intent.clone(), *effect);
                let input = Input::StepAnnounced { ticket, step, intent, effect };
                batch(decide(state, input, *at).records, decided, body, policy)
            }
            None => Ok(()),
        },
        // A budget that did not allow a step would have been seen with the step.
        Body::Receipt { result: Err(failure), .. } if failure.wanted.is_some() => {
            Err(What::Nothing(Box::new(body.clone())))
        }
        // What came from outside is taken as it is.
        Body::Succeeded { .. }
        | Body::Receipt { .. }
        | Body::Alerted { .. }
        | Body::Reported { .. }
        | Body::Denied { .. }
        | Body::Cancelling { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Funded { .. }
        | Body::Migrated(_) => Ok(()),
    }
}

/// Whether the record of another run's past could be decided in this state: that run may not have had a reason yet for
/// something that could begin now, which then begins later.
fn compare_past(
    state: &State,
    decided: &mut VecDeque<Body>,
    record: &Record,
    policy: &dyn PromptPolicy,
) -> Result<(), What> {
    let Record { at, body } = record;
    let is_begin = matches!(
        body,
        Body::Started { .. }
            | Body::Opened { .. }
            | Body::Iterated { .. }
            | Body::Watching { .. }
            | Body::Asked { step: None, .. }
            | Body::Skipped { .. }
            | Body::Closed { .. }
    );
    if !is_begin {
        // A step that a budget did not allow ends with the decision about it.
        if decided.front() != Some(body) {
            decided.clear();
        }
        // That nothing could begin any more when it was parked need not be so over this plan.
        let is_in_doubt = matches!(body, Body::Parked { .. }) && !state.in_doubt.is_empty();
        return if is_in_doubt { Ok(()) } else { compare(state, decided, record, policy) };
    }
    let is_it = |other: &Body| policed::is_same(policy, other, body);
    if !decided.iter().any(is_it) {
        *decided = decide(state, Input::Advance, *at).records.into();
    }
    if let Some(found) = decided.iter().position(is_it) {
        decided.remove(found);
        return Ok(());
    }
    // What is opened comes before what is started, and need not be of that past.
    let begin = body.node().map(|node| begin_of(state, node, *at)).unwrap_or_default();
    if begin.first().is_some_and(is_it) {
        return Ok(());
    }
    match decided.iter().chain(&begin).find(|other| other.node() == body.node()) {
        Some(other) => same(other, body),
        None => Err(What::Nothing(Box::new(body.clone()))),
    }
}

/// Whether a record stands in a journal because what was decided could not be kept, or was stopped.
fn is_instead(policy: &dyn PromptPolicy, body: &Body, decided: &Body) -> bool {
    is_instead_of(body, decided) || policed::is_stopped(policy, decided, body)
}

/// What is decided as soon as it can be.
fn advance(
    state: &State,
    decided: &mut VecDeque<Body>,
    body: &Body,
    at: Moment,
    policy: &dyn PromptPolicy,
) -> Result<(), What> {
    batch(decide(state, Input::Advance, at).records, decided, body, policy)
}

/// The first of what is decided together is the record; the others come after it.
fn batch(
    records: Vec<Body>,
    decided: &mut VecDeque<Body>,
    body: &Body,
    policy: &dyn PromptPolicy,
) -> Result<(), What> {
    let mut records = VecDeque::from(records);
    let Some(expected) = records.pop_front() else { return Err(What::Nothing(Box::new(body.clone()))) };
    if policed::is_same(policy, &expected, body) {
        *decided = records;
        return Ok(());
    }
    match same(&expected, body) {
        Ok(()) => *decided = records,
        Err(_) if is_instead(policy, body, &expected) => {}
        Err(what) => return Err(what),
    }
    Ok(())
}

/// What is decided because time has passed, or as soon as it can be: what happened first is in the journal.
fn in_time_or_at_once(
    state: &State,
    decided: &mut VecDeque<Body>,
    body: &Body,
    at: Moment,
    policy: &dyn PromptPolicy,
) -> Result<(), What> {
    in_time(state, body, at).or_else(|in_time| {
        advance(state, decided, body, at, policy)
            .map_err(|at_once| if at_once.is_nothing() { in_time } else { at_once })
    })
}

/// What is decided because time has passed: one thing of several that do not depend on one another.
fn in_time(state: &State, body: &Body, at: Moment) -> Result<(), What> {
    let records = decide(state, Input::Tick, at).records;
    if records.contains(body) {
        return Ok(());
    }
    match records.iter().find(|other| other.node() == body.node()) {
        Some(other) => same(other, body),
        None => Err(What::Nothing(Box::new(body.clone()))),
    }
}

/// The time of a question was up in this way.
fn lapsed(state: &State, node: &NodePath, at: Moment, lapse: Lapse) -> Result<(), What> {
    match state.lapse_at(node) {
        Some((due, now)) if due <= at && now == lapse => Ok(()),
        Some(_) | None => Err(What::Time),
    }
}

fn same(expected: &Body, found: &Body) -> Result<(), What> {
    if expected == found {
        return Ok(());
    }
    Err(What::Other {
        difference: difference::between(found, expected),
        recorded: Box::new(found.clone()),
        decided: Box::new(expected.clone()),
    })
}
