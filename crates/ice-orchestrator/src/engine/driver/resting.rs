//! A run that has nothing to do: whether it is over, and when it leaves memory.

use std::sync::Arc;
use std::time::Duration;

use ice_core::time::Moment;

use super::Driver;
use crate::journal::RunStatus;

/// How long a run that waits for long stays in memory for each of its records. To read one takes a few microseconds, so a
/// run that is woken again and again spends a hundredth of its time on it.
const PER_RECORD: Duration = Duration::from_millis(1);

impl Driver {
    /// Leaves nothing of the run in memory but what others hold of it.
    pub(super) async fn sleep(mut self: Box<Self>) {
        let is_timed = !self.state.waits_for_people() && self.state.next_timer().is_some();
        let shared = Arc::clone(&self.shared);
        self.messages.sleep();
        // What is left must be gone before the run can be taken up again.
        drop(self);
        let engine = Arc::clone(&shared.engine);
        Box::pin(engine.sleep(shared, is_timed)).await;
    }

    /// How long a run stays with nothing to do: the longer its journal, the more it costs to read it again.
    pub(super) fn patience(&self) -> Duration {
        (PER_RECORD * u32::try_from(self.state.next_number()).unwrap_or(u32::MAX))
            .min(self.shared.engine.short_wait)
    }

    /// Whether nothing is to be done for so long that the run need not stay in memory.
    pub(super) fn waits_for_long(&self) -> bool {
        let is_soon = |at: Moment| at.since(self.shared.engine.clock.now()) <= self.shared.engine.short_wait;
        self.is_idle() && !self.state.next_timer().is_some_and(is_soon)
    }

    /// Whether the run waits and nothing of it is under way.
    fn is_idle(&self) -> bool {
        self.state.status() == RunStatus::Waiting
            && self.live.is_empty()
            && self.tasks.is_empty()
            && self.held.is_empty()
            && !self.look
    }

    /// Whether the run leaves memory now because somebody wants it to. Whoever wants it in vain hears of that.
    pub(super) fn rests_on_request(&mut self) -> bool {
        let Some(told) = self.rest.take() else { return false };
        if self.is_idle() && self.writer.is_flying() {
            // It does in a moment.
            self.rest = Some(told);
            return false;
        }
        let rests = self.is_idle() && self.is_kept();
        // Whoever it was may have gone away.
        let _gone = told.send(rests);
        rests
    }

    /// Tells whoever waits for the engine to come to rest whether this run has, until somebody answers.
    pub(super) fn tell_rest(&self) {
        let kept = !self.writer.is_flying() && !self.writer.has_waiting();
        let asked = kept && !self.look && self.state.waits_for_people();
        if self.shared.progress.read(|progress| progress.asked) != asked {
            self.shared.progress.change(|progress| progress.asked = asked);
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        let status = self.state.status();
        let rests = status.is_final() || (status == RunStatus::Parked && self.live.is_empty());
        rests && self.is_kept() && self.queue.is_empty()
    }

    /// Whether everything that was recorded is as durable as was promised.
    pub(super) fn is_kept(&self) -> bool {
        !self.writer.is_flying() && !self.writer.has_waiting() && self.durable() == self.state.next_number()
    }
}
