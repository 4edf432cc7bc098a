//! The attempts of a simulated run: how they begin, what they do on their way, how they end.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::event::Ending;
use super::{Act, Call, Choices, Reply, Simulation, World};
use crate::executors::Completion;
use crate::journal::{Failure, Intent};
use crate::workflow::runtime::{Input, Start, Ticket, timeout_failure};

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) start: Start,
    pub(super) reply: Reply,
    pub(super) since: Moment,
    pub(super) cancelled: bool,
    /// The steps that have ended.
    pub(super) ended: usize,
    pub(super) announced: Option<Announced>,
}

/// A step that was announced and has not ended.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) path: NodePath,
    /// It may begin once the records before this number are durable.
    pub(super) upto: u64,
    pub(super) performed: bool,
}

impl<W: World, C: Choices> Simulation<'_, W, C> {
    pub(super) fn launch(&mut self, start: Start) -> Result<(), String> {
        let call =
            Call { path: &start.path, attempt: start.attempt, intent: &start.intent, effect: start.effect };
        let reply = self.world.reply(&call);
        if reply.steps.is_empty() {
            self.checks.perform(&start.path, start.effect, self.journal.durable() > start.ticket)?;
        }
        self.trace.push(format!("    begins: {} {} {:?}", start.path, start.attempt, reply.act));
        let ended = start.receipts.len();
        let running = Running { start, reply, since: self.now, cancelled: false, ended, announced: None };
        let before = self.running.insert(running.start.ticket, running);
        if before.is_some() { Err("an attempt begins twice".to_owned()) } else { Ok(()) }
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) -> Result<(), String> {
        if let Some(running) = self.running.get_mut(&ticket) {
            running.cancelled = true;
        } else if let Some(at) = self.held.iter().position(|(_, start)| start.ticket == ticket) {
            self.held.remove(at);
            let failure = Failure::new(ErrorCode::RunCancelled, "cancelled before it began");
            self.take(Input::Completed { ticket, result: Err(failure), unresponsive: false })?;
        }
        Ok(())
    }

    pub(super) fn announce(&mut self, ticket: Ticket) -> Result<(), String> {
        let Some(running) = self.running.get_mut(&ticket) else { return Ok(()) };
        let Some(step) = running.reply.steps.get(running.ended) else { return Ok(()) };
        let path = running.start.path.clone();
        let address: NodePath =
            format!("{path}.call[{}]", running.ended).parse().map_err(|_| "a step has no path")?;
        let intent = Intent::Tool { tool: Arc::from("step"), input: Value::from(running.ended) };
        let effect = step.effect;
        let upto = self.state.next_number() + 1;
        running.announced = Some(Announced { path: address.clone(), upto, performed: false });
        self.take(Input::StepAnnounced { ticket, step: address, intent, effect })
    }

    pub(super) fn end_step(&mut self, ticket: Ticket) -> Result<(), String> {
        let Some(running) = self.running.get_mut(&ticket) else { return Ok(()) };
        let (Some(step), Some(known)) = (running.announced.take(), running.reply.steps.get(running.ended))
        else {
            return Ok(());
        };
        let result = known.result.clone();
        running.ended += 1;
        self.checks.ended(&step.path, &result);
        self.take(Input::StepEnded { ticket, step: step.path, result: result.map(Completion::from) })
    }

    pub(super) fn end(&mut self, ticket: Ticket, ending: Ending) -> Result<(), String> {
        let Some(running) = self.running.remove(&ticket) else { return Ok(()) };
        let cancelled = || Failure {
            unknown_outcome: true,
            ..Failure::new(ErrorCode::RunCancelled, "the attempt was cancelled")
        };
        let result = match ending {
            Ending::Reply => match running.reply.act {
                Act::Give(value) => Ok(Completion::from(value)),
                Act::Fail(failure) => Err(failure),
                Act::Never => Err(cancelled()),
            },
            Ending::TimedOut => {
                let limit = running.start.plan_node().and_then(|node| node.timeout);
                Err(limit.map_or_else(cancelled, timeout_failure))
            }
            Ending::Cancelled | Ending::Unresponsive => Err(cancelled()),
        };
        if running.reply.steps.is_empty() {
            self.checks.ended(&running.start.path, &result);
        }
        self.advance = true;
        self.take(Input::Completed { ticket, result, unresponsive: ending == Ending::Unresponsive })
    }
}
