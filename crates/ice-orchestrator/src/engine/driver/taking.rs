//! Taking an input: what it means is decided, recorded, folded and begun.

use ice_core::time::Moment;

use super::stepping::Stepping;
use super::{Driver, launching};
use crate::engine::RunError;
use crate::journal::Body;
use crate::journal::codec::EncodeError;
use crate::workflow::runtime::{Command, Input, Ticket, apply_body, decide_into, not_kept};

impl Driver {
    /// Takes an input: what it means is decided, recorded, and begun.
    pub(super) fn take(&mut self, input: Input) -> Result<(), RunError> {
        self.take_at(input, None).map(drop)
    }

    /// Takes an input, now if nobody has looked yet what time it is. Gives the time back, unless something was begun that may
    /// have taken some.
    pub(super) fn take_at(&mut self, input: Input, now: Option<Moment>) -> Result<Option<Moment>, RunError> {
        let now = now.unwrap_or_else(|| self.shared.engine.clock.now());
        let recovers = matches!(input, Input::Recovered { .. });
        let answer = if let Input::Answer { answer, .. } = &input { Some(answer.id) } else { None };
        self.idle_since = None;
        let of_step = Stepping::of(&input);
        let mut decided = std::mem::take(&mut self.decided);
        let again = self.state.funds.is_some().then(|| input.clone());
        decide_into(&mut decided, &self.state, input, now);
        if let (Some(need), Some(input)) = (decided.short.take(), again) {
            self.decided = decided;
            self.short = Some((input, need));
            return Ok(None);
        }
        let ends = matches!(decided.records.last(), Some(Body::Ended { .. }));
        if ends && (!self.live.is_empty() || !self.tasks.is_empty()) {
            // A run ends when everything that ran for it has ended: the decision comes again then.
            return Ok(None);
        }
        // Records from this number on were decided, but do not count.
        let mut void = Ticket::MAX;
        let mut changed = Vec::new();
        for body in &mut decided.records {
            if self.inspect(body, &mut changed) {
                void = self.state.next_number();
            }
            if let Err(error) = self.writer.push(now, body) {
                *body = self.instead(body, &error)?;
                self.writer.push(now, body).map_err(|error| self.unwritable(&error))?;
                void = self.state.next_number();
            }
            self.observe(body);
            self.spans.see(body, &self.state);
            self.owes |= matches!(body, Body::Answered { .. });
            apply_body(&mut self.state, now, body)
                .map_err(|source| RunError::Fold { run: self.shared.run, source })?;
            if let Body::Answered { answer, .. } = body {
                self.counts(answer.id, self.state.next_number());
            }
            if matches!(body, Body::Ended { .. }) {
                self.close_shares()?;
            }
            self.recorded(body);
            self.advance = true;
            if void != Ticket::MAX {
                // What was decided after it did not know of the failure: it is decided again.
                break;
            }
        }
        decided.records.clear();
        let is_begun = !decided.commands.is_empty();
        for command in decided.commands.drain(..) {
            match command {
                Command::Start(start) if start.ticket >= void || self.leaving => {}
                Command::Start(start) => self.begin(launching::taken(&mut changed, start)),
                Command::Cancel(ticket) => self.cancel(ticket),
            }
        }
        self.decided = decided;
        if let Some(id) = answer {
            self.taken(id);
        }
        self.forget(of_step);
        if recovers {
            self.settle_doubts();
        }
        Ok((!is_begun).then_some(now))
    }

    /// What is recorded instead of a record that no store would take: the failure of its node.
    fn instead(&self, body: &Body, error: &EncodeError) -> Result<Body, RunError> {
        match error {
            EncodeError::TooLarge { .. } | EncodeError::Vast { .. } | EncodeError::Full { .. } => {
                not_kept(body, &error.to_string())
            }
            EncodeError::Json(_) => None,
        }
        .ok_or_else(|| self.unwritable(error))
    }

    fn unwritable(&self, error: &EncodeError) -> RunError {
        RunError::record(self.shared.run, "a record of its journal", error)
    }
}
