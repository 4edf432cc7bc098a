//! What is decided when nothing more can start: that the run waits, is parked or ends.

use ice_core::error::ErrorCode;

use super::Decider;
use crate::journal::{Body, Failure, RunStatus};
use crate::workflow::runtime::failing::{cancelled, of_node};
use crate::workflow::runtime::frame::Place;
use crate::workflow::runtime::input::Command;
use crate::workflow::runtime::state::Stopping;

/// The most steps of a node that are named as in doubt.
const MAX_STEPS: usize = 16;

impl Decider<'_> {
    /// Nothing starts any more; once nothing is under way, the run ends.
    pub(super) fn stop(&mut self, stopping: &Stopping) {
        let state = self.state;
        self.out.commands.extend(state.attempts.iter().map(|(ticket, _)| Command::Cancel(ticket)));
        if state.has_attempts() {
            return;
        }
        let ended = match stopping {
            Stopping::Cancel { by, reason } => {
                self.ended(RunStatus::Cancelled, Some(cancelled(by, reason.as_deref())))
            }
            Stopping::Exceeded(failure) => self.ended(RunStatus::Failed, Some((**failure).clone())),
            Stopping::Halt(failed) => self.ended(RunStatus::Failed, Some(of_node(failed))),
        };
        self.out.records.push(ended);
    }

    /// Nothing is queued and nothing under way: the run waits, is parked or ends.
    pub(super) fn rest(&mut self) {
        let state = self.state;
        let left = state.frame(0).map_or(0, |frame| frame.left);
        if left == 0 {
            let failure = self.first_failure();
            let status = if failure.is_some() { RunStatus::Failed } else { RunStatus::Succeeded };
            self.out.records.push(self.ended(status, failure));
        } else if state.has_only_monitors() {
            self.look_a_last_time();
        } else if state.wakes.is_empty() && state.questions.is_empty() {
            let doubtful: Vec<String> =
                state.in_doubt.iter().flat_map(|place| self.doubtful(*place)).collect();
            if doubtful.is_empty() {
                let failure = Failure::new(ErrorCode::RunStuck, format!("{left} nodes can never run"));
                self.out.records.push(self.ended(RunStatus::Failed, Some(failure)));
            } else {
                let message = format!(
                    "it is not known whether the effect of {} happened before the process ended: somebody has to \
                     decide whether it is repeated or counts as failed",
                    doubtful.join(", "),
                );
                let failure = Failure::new(ErrorCode::RunInDoubt, message);
                self.out.records.push(Body::Parked { failure });
            }
        }
    }

    /// What of a node is in doubt: its open steps, or, if it has none, itself.
    fn doubtful(&self, place: Place) -> Vec<String> {
        let steps = self.state.kept.get(&place).map(Vec::as_slice).unwrap_or_default();
        let open = steps.iter().filter(|step| step.receipt.is_none() && !step.effect.is_repeatable());
        let mut named: Vec<String> =
            open.clone().take(MAX_STEPS).map(|step| format!("`{}`", step.path)).collect();
        let more = open.count().saturating_sub(named.len());
        if more > 0 {
            named.push(format!("{more} more"));
        }
        if named.is_empty() {
            named.extend(self.state.path(place).map(|path| format!("`{path}`")));
        }
        named
    }

    fn ended(&self, status: RunStatus, failure: Option<Failure>) -> Body {
        Body::Ended { status, output: self.state.output(), failure }
    }

    fn first_failure(&self) -> Option<Failure> {
        let top = self.state.frame(0)?;
        top.failed.as_deref().or(top.overcome.as_deref()).map(of_node)
    }
}
