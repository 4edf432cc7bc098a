//! Leaving a run that goes on elsewhere, because the engine closes.

use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::Principal;

use super::{Driver, Held, MAX_WAITING};
use crate::engine::run::Message;
use crate::engine::{RunEnd, RunError};
use crate::journal::Failure;
use crate::workflow::runtime::{Input, Ticket};

/// How long a closing engine waits for the last commit of a run.
const LAST_COMMIT: Duration = Duration::from_secs(5);

impl Driver {
    /// Keeps what ends while the engine closes, so that nobody is asked later whether it happened. What was
    /// cancelled because of the closing counts as under way still: whoever takes the run up decides about it.
    pub(super) async fn leave(&mut self) -> Result<RunEnd, RunError> {
        self.leaving = true;
        // What is only announced does not begin.
        self.queue.retain(|input| !matches!(input, Input::StepAnnounced { .. }));
        for (_, held) in std::mem::take(&mut self.held) {
            match held {
                Held::Start(start) => self.withdraw(start.ticket)?,
                Held::Step { ticket, step, go: _ } => {
                    let never_begun =
                        Failure::new(ErrorCode::RunCancelled, "the step was withdrawn before it began");
                    self.take(Input::StepEnded { ticket, step, result: Err(never_begun) })?;
                }
                // Dropping `told` sends whoever it was to the journal.
                Held::Answered(_) => {}
            }
        }
        loop {
            while let Some(input) = self.queue.pop_front() {
                self.take_leaving(input)?;
                if self.writer.waiting() >= MAX_WAITING {
                    self.keep().await?;
                }
            }
            tokio::select! {
                biased;
                message = self.messages.recv() => match message {
                    Message::Receipt { .. } | Message::Observed { .. } => self.told(message),
                    // Dropping `go` tells the attempt that it must not go on.
                    Message::Announce { .. } | Message::Answer { .. } | Message::Rest(_) | Message::Nudge => {}
                },
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => self.ended(ended),
                    None => break,
                },
            }
        }
        if self.state.is_stopping() {
            self.take(Input::Advance)?;
        }
        self.keep().await?;
        self.is_finished()
            .then(|| RunEnd::of(&self.state).seen(&self.shared.engine.views))
            .ok_or(RunError::Closing)
    }

    fn take_leaving(&mut self, input: Input) -> Result<(), RunError> {
        if let Input::Completed { ticket, result: Err(failure), .. } = &input
            && failure.code == ErrorCode::RunCancelled
            && self.state.attempts.contains(*ticket)
            && !self.state.is_stopping()
        {
            return if failure.unknown_outcome { Ok(()) } else { self.withdraw(*ticket) };
        }
        self.take(input)
    }

    /// An attempt has done nothing, and is known to have done nothing: if it could not simply be repeated, that
    /// it can is recorded.
    fn withdraw(&mut self, ticket: Ticket) -> Result<(), RunError> {
        self.take(Input::Withdrawn { ticket, by: Principal::engine() })
    }

    /// Commits what waits, as durable as the run was promised. A store that does not answer is not waited for.
    async fn keep(&mut self) -> Result<(), RunError> {
        let commit = async {
            if self.writer.is_flying() {
                self.writer.landed().await?;
            }
            if self.writer.has_waiting() || self.durable() < self.state.next_number() {
                self.writer.begin(Some(&self.state), self.state.status(), self.writer.promise())?;
                self.writer.landed().await?;
            }
            Ok(())
        };
        tokio::time::timeout(LAST_COMMIT, commit).await.unwrap_or(Err(RunError::Closing))?;
        self.published();
        Ok(())
    }
}
