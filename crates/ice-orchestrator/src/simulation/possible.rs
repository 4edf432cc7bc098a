//! What could happen next in a simulated run.

use std::time::Duration;

use ice_core::time::Moment;

use super::attempts::Running;
use super::event::{Ending, Event};
use super::{Act, Choices, Simulation, World};
use crate::workflow::runtime::Ticket;

impl<W: World, C: Choices> Simulation<'_, W, C> {
    /// Everything that could happen next; nothing once the run is over.
    pub(super) fn possible(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let over =
            self.state.ended.is_some() || (self.state.parked.is_some() && self.state.stopping.is_none());
        if self.advance {
            events.push(Event::Advance);
        }
        for (ticket, running) in &self.running {
            self.of_attempt(*ticket, running, &mut events);
        }
        if self.faults.late && self.journal.has_open() {
            events.push(Event::Write);
        }
        if self.faults.late && self.journal.has_unsynced() {
            events.push(Event::Sync);
        }
        let due = self.state.next_timer().is_some_and(|at| at <= self.now);
        if due {
            events.push(Event::Tick);
        }
        // A run may be parked beside attempts that take their time to end.
        let goes_on = !over || (self.state.ended.is_none() && !self.running.is_empty());
        if goes_on && self.next_moment().is_some() {
            events.push(Event::Wait);
        }
        let idle = self.running.is_empty() && self.held.is_empty() && !self.advance;
        if idle && self.state.ended.is_none() {
            events.extend((0..self.moves.len()).map(Event::Move));
        }
        if over && idle && !self.journal.has_unsynced() {
            if self.state.ended.is_none() {
                let decisions = self.faults.decisions.iter();
                events.extend(decisions.map(|decision| Event::Resume(Some(*decision))));
                events.extend((self.faults.cancels > 0).then_some(Event::Cancel));
            }
            return events;
        }
        if self.faults.crashes > 0 {
            let (written, synced) = self.journal.written();
            events.push(Event::Crash(synced));
            if written > synced {
                events.push(Event::Crash(written));
            }
        }
        if !over {
            events.extend(self.answers());
        }
        // Where all that is under way never ends by itself, and nobody can answer, somebody has to give up in the end.
        let hangs = events.is_empty() && (!self.running.is_empty() || !self.state.questions.is_empty());
        if self.state.ended.is_none() && (self.faults.cancels > 0 || hangs) {
            events.push(Event::Cancel);
        }
        if !over {
            for node in self.state.doubtful() {
                let decisions = self.faults.decisions.iter();
                events.extend(decisions.map(|decision| Event::Settle(node.clone(), *decision)));
            }
        }
        events
    }

    fn of_attempt(&self, ticket: Ticket, running: &Running, events: &mut Vec<Event>) {
        let is_in = |span: Duration| running.since.plus(span) <= self.now;
        if running.cancelled {
            events.push(Event::End(ticket, Ending::Cancelled));
            if self.faults.unresponsive {
                events.push(Event::End(ticket, Ending::Unresponsive));
            }
        }
        let timeout = running.start.plan_node().and_then(|node| node.timeout);
        if timeout.is_some_and(|limit| is_in(limit.span)) {
            events.push(Event::End(ticket, Ending::TimedOut));
        }
        match &running.announced {
            Some(step) if step.performed => events.push(Event::EndStep(ticket)),
            Some(_) => {}
            None if running.ended < running.reply.steps.len() => {
                // A run that stops begins nothing any more.
                events.extend(self.state.stopping.is_none().then_some(Event::Announce(ticket)));
            }
            None => match running.reply.act {
                Act::Give(_) | Act::Fail(_) if is_in(running.reply.after) => {
                    events.push(Event::End(ticket, Ending::Reply));
                }
                Act::Give(_) | Act::Fail(_) | Act::Never => {}
            },
        }
    }

    /// When something is due next, if anything is.
    pub(super) fn next_moment(&self) -> Option<Moment> {
        let attempts = self.running.values().flat_map(|running| {
            let reply = match running.reply.act {
                Act::Give(_) | Act::Fail(_) => Some(running.reply.after),
                Act::Never => None,
            };
            let timeout = running.start.plan_node().and_then(|node| node.timeout).map(|limit| limit.span);
            [reply, timeout].into_iter().flatten().map(|span| running.since.plus(span))
        });
        attempts.chain(self.state.next_timer()).filter(|at| *at > self.now).min()
    }
}
