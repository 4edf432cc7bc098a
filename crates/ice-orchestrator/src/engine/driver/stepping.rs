//! The steps of attempts: they wait until they may begin, and until what they gave is kept.

use ice_core::path::NodePath;

use super::{Driver, Held, UNRECORDED};
use crate::journal::Body;
use crate::workflow::runtime::{Input, Ticket};

/// The step that an input is about.
pub(super) enum Stepping {
    Announced(Ticket, NodePath),
    Ended(Ticket, NodePath),
}

impl Stepping {
    pub(super) fn of(input: &Input) -> Option<Self> {
        match input {
            Input::StepAnnounced { ticket, step, .. } => Some(Self::Announced(*ticket, step.clone())),
            Input::StepEnded { ticket, step, .. } => Some(Self::Ended(*ticket, step.clone())),
            Input::Advance
            | Input::Tick
            | Input::Completed { .. }
            | Input::Observed { .. }
            | Input::Withdrawn { .. }
            | Input::Cancel { .. }
            | Input::Recovered { .. }
            | Input::Answer { .. }
            | Input::Funded { .. }
            | Input::Settle { .. } => None,
        }
    }
}

impl Driver {
    /// A record was made: a step waits for it to be durable from now on, or hears what is kept of it.
    pub(super) fn recorded(&mut self, body: &Body) {
        match body {
            Body::Step { step: path, effect, .. } => {
                let next = self.state.next_number();
                let waiting = self.held.iter_mut().find(|(upto, held)| {
                    *upto == UNRECORDED && matches!(held, Held::Step { step, .. } if step == path)
                });
                if let Some((upto, _)) = waiting {
                    *upto = if effect.needs_barrier() { next } else { 0 };
                }
            }
            Body::Receipt { step: of, result: Err(failure), .. } if failure.wanted.is_some() => {
                let refused = |(_, held): &(u64, Held)| matches!(held, Held::Step { step, .. } if step == of);
                let held = self.held.iter().position(refused).and_then(|at| self.held.remove(at));
                if let Some((_, Held::Step { go, .. })) = held {
                    // An attempt that was given up meanwhile does not wait any more.
                    let _gone = go.send(Err(failure.clone()));
                }
            }
            Body::Receipt { step, result, discarded: None, .. } => {
                if let Some(at) = self.receipts.iter().position(|(_, known, _)| known == step) {
                    // An attempt that was given up meanwhile does not wait any more.
                    let _gone = self.receipts.swap_remove(at).2.send(result.clone());
                }
            }
            Body::Manifest(_)
            | Body::Started { .. }
            | Body::Receipt { .. }
            | Body::Succeeded { .. }
            | Body::Failed { .. }
            | Body::Woken { .. }
            | Body::Skipped { .. }
            | Body::Opened { .. }
            | Body::Iterated { .. }
            | Body::Watching { .. }
            | Body::Checked { .. }
            | Body::Alerted { .. }
            | Body::Asked { .. }
            | Body::Escalated { .. }
            | Body::Answered { .. }
            | Body::Closed { .. }
            | Body::Reported { .. }
            | Body::Denied { .. }
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
            | Body::Ended { .. } => {}
        }
    }

    /// What no record was made for does not happen: dropping what it waits for tells its attempt.
    pub(super) fn forget(&mut self, step: Option<Stepping>) {
        match step {
            Some(Stepping::Announced(of, path)) => self.held.retain(|(upto, held)| {
                let is_it = matches!(held, Held::Step { ticket, step, .. } if *ticket == of && *step == path);
                *upto != UNRECORDED || !is_it
            }),
            Some(Stepping::Ended(of, path)) => {
                self.receipts.retain(|(ticket, step, _)| *ticket != of || *step != path);
            }
            None => {}
        }
    }
}
