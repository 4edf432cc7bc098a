//! Attempts: they begin, are cancelled, and end.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ice_core::error::ErrorCode;
use ice_core::tools::Effect;
use ice_core::value::Value;
use tokio_util::sync::CancellationToken;

use super::{Driver, Held};
use crate::engine::attempt::{Attempt, AttemptEnd, carry_out, lost};
use crate::executors::inspected;
use crate::journal::{Body, Failure, Intent};
use crate::workflow::runtime::{Input, Start, Ticket};

/// What an attempt does instead of what was decided.
pub(super) struct Changed {
    ticket: Ticket,
    intent: Intent,
    effect: Effect,
}

/// The attempt, with what was put in the place of what it was to do, if something was.
pub(super) fn taken(changed: &mut Vec<Changed>, start: Start) -> Start {
    match changed.iter().position(|changed| changed.ticket == start.ticket) {
        Some(at) => {
            let Changed { intent, effect, .. } = changed.swap_remove(at);
            Start { intent, effect, ..start }
        }
        None => start,
    }
}

impl Driver {
    /// Has whoever looks at prompts and calls look at what begins: what goes instead is recorded, and noted in `changed`. Says
    /// whether it was stopped: it is the failure of its node then.
    pub(super) fn inspect(&self, body: &mut Body, changed: &mut Vec<Changed>) -> bool {
        let Body::Started { node, intent, effect, .. } = body else { return false };
        let read = |request: &Value| request.to().map(|request| (request, 0));
        match inspected(&*self.shared.engine.policy, intent, read) {
            Ok(None) => {}
            Ok(Some(other)) => {
                // Another input may have a greater effect.
                if let Intent::Tool { tool, input } = &other
                    && let Some(tool) = self.shared.plan.tools.get(tool)
                {
                    *effect = (*effect).max(tool.effect(input).min(tool.spec().effect));
                }
                let ticket = self.state.next_number();
                changed.push(Changed { ticket, intent: other.clone(), effect: *effect });
                *intent = other;
            }
            Err(failure) => {
                *body = Body::Failed { node: node.clone(), failure, retry_at: None };
                return true;
            }
        }
        false
    }

    /// Begins an attempt, once what was decided is durable if that has to come first.
    pub(super) fn begin(&mut self, start: Start) {
        if start.effect.needs_barrier() && self.durable() < self.state.next_number() {
            self.held.push_back((self.state.next_number(), Held::Start(start)));
        } else {
            self.launch(start);
        }
    }

    /// Polls an attempt once in line; one that does not end at once goes on as a task of its own.
    pub(super) fn launch(&mut self, start: Start) {
        // One of its own: what an attempt leaves behind may fire it later.
        let (ticket, cancel) = (start.ticket, CancellationToken::new());
        if self.shared.engine.closing.has_begun() {
            cancel.cancel();
        }
        let kind = start.plan_node().map(|node| node.kind);
        let span = self.spans.attempt(&start, &self.state);
        let attempt = Attempt::of(&start, span.clone());
        let begun = (attempt.began(), cancel.clone());
        let mut work = carry_out(Arc::clone(&self.shared), start, begun, span);
        // Once it has a task of its own it is polled again, with a waker that wakes.
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => {
                let end = attempt.end(&self.shared, result, false);
                if let Some(meters) = kind.and_then(|kind| self.shared.engine.meters.kind(kind)) {
                    meters.seconds.record(end.seconds);
                }
                self.hear();
                self.queue.push_back(end.into_input());
            }
            Poll::Pending => {
                let supervised = attempt.supervise(Arc::clone(&self.shared), work, cancel.clone());
                let task = self.tasks.spawn(supervised).id();
                self.live.insert(ticket, (cancel, task));
            }
        }
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if let Some((cancel, _)) = self.live.get(&ticket) {
            cancel.cancel();
            return;
        }
        let held = self
            .held
            .iter()
            .position(|(_, held)| matches!(held, Held::Start(start) if start.ticket == ticket));
        if held.and_then(|at| self.held.remove(at)).is_some() {
            let failure = Failure::new(ErrorCode::RunCancelled, "the attempt was cancelled before it began");
            self.queue.push_back(Input::Completed { ticket, result: Err(failure), unresponsive: false });
        }
    }

    pub(super) fn cancel_attempts(&self) {
        self.live.values().for_each(|(cancel, _)| cancel.cancel());
    }

    pub(super) fn ended(&mut self, ended: Result<AttemptEnd, tokio::task::JoinError>) {
        self.advance = true;
        match ended {
            Ok(end) => {
                let kind = self.state.kind_of(end.ticket);
                if let Some(meters) = kind.and_then(|kind| self.shared.engine.meters.kind(kind)) {
                    meters.seconds.record(end.seconds);
                }
                self.live.remove(&end.ticket);
                self.hear();
                self.queue.push_back(end.into_input());
            }
            // Panics are caught within, but for those of what is dropped when an attempt is given up.
            Err(error) => {
                tracing::error!(run = %self.shared.run, %error, "an attempt's task was lost");
                let found = self.live.iter().find(|(_, (_, task))| *task == error.id());
                if let Some(ticket) = found.map(|(ticket, _)| *ticket) {
                    self.live.remove(&ticket);
                    self.queue.push_back(Input::Completed {
                        ticket,
                        result: Err(lost()),
                        unresponsive: false,
                    });
                }
            }
        }
    }
}
