//! What is decided about attempts that have ended, were given up, or were lost with their process.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::Principal;
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::tools::Effect;
use ice_core::value::Value;

use super::{Decider, held, receipts, shallow};
use crate::executors::{Asking, Completion};
use crate::journal::{Body, Decision, Failure, Intent};
use crate::workflow::model::PlanNode;
use crate::workflow::runtime::budget::Lack;
use crate::workflow::runtime::failing::{Safety, not_tried_again, shorten, wait_before_next};
use crate::workflow::runtime::input::{Command, Decided, Start, Ticket};

impl Decider<'_> {
    pub(super) fn completed(
        &mut self,
        ticket: Ticket,
        result: Result<Completion, Failure>,
        unresponsive: bool,
    ) {
        let state = self.state;
        let Some((place, path)) = self.attempt(ticket) else {
            return self.discarded(ticket, &result, unresponsive);
        };
        let Some((_, node)) = self.at(place) else { return };
        let Some(attempt) = state.attempt(place) else { return };
        if unresponsive {
            self.out.records.push(Body::Unresponsive { node: path.clone() });
        }
        if attempt.watch.is_some() {
            let is_over = state.stopping.is_some();
            return match result {
                Err(failure) if is_over && failure.code == ErrorCode::RunCancelled => {
                    self.out.records.push(Body::Cancelled {
                        node: path,
                        in_doubt: false,
                        winding_down: false,
                    });
                }
                result => self.told(path, result),
            };
        }
        if let Ok(Completion { asks: Some(asking), .. }) = &result {
            self.out.records.push(if state.stopping.is_some() {
                Body::Cancelled { node: path, in_doubt: false, winding_down: false }
            } else {
                let Asking { step, question } = (**asking).clone();
                let (attempt, question) = (attempt.number, Box::new(question));
                Body::Asked { node: path, attempt, question, step: Some(step) }
            });
            return;
        }
        let shaped = result.and_then(|done| {
            let usage = done.usage;
            match node.shape(done.value).and_then(shallow) {
                Ok(output) => Ok((output, usage, done.stream, done.cached)),
                Err(failure) => Err(Failure { usage, ..failure }),
            }
        });
        match shaped {
            Ok((output, usage, stream, cached)) => {
                self.out.records.push(Body::Succeeded { node: path, output, usage, stream, cached });
            }
            Err(failure) if state.stopping.is_some() && failure.code == ErrorCode::RunCancelled => {
                let in_doubt = failure.unknown_outcome && !attempt.open_effect().is_repeatable();
                self.out.records.push(Body::Cancelled { node: path, in_doubt, winding_down: false });
            }
            Err(failure) => {
                let safety = Safety::after(attempt, &failure);
                self.failed(node, path, attempt.number, safety, failure);
            }
        }
    }

    /// A step may begin, if what it takes is there.
    pub(super) fn announced(
        &mut self,
        ticket: Ticket,
        step: NodePath,
        node: NodePath,
        intent: Intent,
        effect: Effect,
    ) {
        let Some(place) = self.state.attempts.place(ticket) else { return };
        let Some(frame) = self.state.frame(place.frame) else { return };
        let wanted = self.state.wanted(&intent, &frame.plan);
        let overrun = match self.state.lacks(place, wanted, &[]) {
            None => None,
            Some(Lack::Refused(failure)) => Some(failure),
            Some(Lack::Short(need)) => return self.out.short = Some(need),
        };
        let (of, named) = (node.clone(), step.clone());
        self.out.records.push(Body::Step { step, node, intent, effect, held: held(wanted) });
        if let Some(overrun) = overrun {
            self.out.records.push(Body::Receipt {
                step: named,
                node: of,
                result: Err(overrun),
                usage: Usage::default(),
                stream: None,
                cached: false,
                discarded: None,
            });
        }
    }

    /// What a step gave is kept. Of one whose attempt is of no use any more it is what it spent.
    pub(super) fn step_ended(&mut self, ticket: Ticket, step: NodePath, result: Result<Completion, Failure>) {
        let (node, discarded) = match (self.attempt(ticket), self.state.winding_down.get(&ticket)) {
            (Some((place, node)), _) => {
                let open = self.state.attempt(place).is_some_and(|attempt| attempt.is_open(&step));
                if !open {
                    return;
                }
                (node, None)
            }
            (None, Some(attempt)) => (attempt.node.clone(), Some(ticket)),
            (None, None) => return,
        };
        let cached = result.as_ref().is_ok_and(|done| done.cached);
        let (usage, stream, mut result) = match result {
            Ok(Completion { value, usage, stream, cached: _, asks: _ }) => match shallow(value) {
                Ok(value) => (usage, stream, Ok(value)),
                Err(failure) => (Usage::default(), stream, Err(Failure { usage, ..failure })),
            },
            Err(failure) => (Usage::default(), None, Err(failure)),
        };
        if let Err(failure) = &mut result {
            shorten(&mut failure.message);
        }
        if discarded.is_some() {
            // Nobody is going to read it.
            result = result.map(|_| Value::Null);
        }
        self.out.records.push(Body::Receipt { step, node, result, usage, stream, cached, discarded });
    }

    /// An attempt ended whose container is gone.
    fn discarded(&mut self, ticket: Ticket, result: &Result<Completion, Failure>, unresponsive: bool) {
        let Some(attempt) = self.state.winding_down.get(&ticket) else { return };
        let node = attempt.node.clone();
        if unresponsive {
            self.out.records.push(Body::Unresponsive { node: node.clone() });
        }
        let (usage, unknown) = match result {
            Ok(done) => (done.usage, false),
            Err(failure) => (failure.usage, failure.unknown_outcome),
        };
        let in_doubt = unknown && !attempt.repeatable;
        self.out.records.push(Body::Discarded { node, started: ticket, usage, in_doubt });
    }

    /// What whoever takes the run up would repeat needs no record; what would be in doubt is said not to be.
    pub(super) fn withdrawn(&mut self, ticket: Ticket, by: Principal) {
        let Some((place, node)) = self.attempt(ticket) else { return };
        let Some(attempt) = self.state.attempt(place) else { return };
        if self.state.stopping.is_some() {
            self.out.records.push(Body::Cancelled { node, in_doubt: false, winding_down: false });
        } else if !attempt.open_effect().is_repeatable() {
            self.out.records.push(Body::InDoubt { node: node.clone() });
            self.out.records.push(Body::Settled { node, decision: Decision::Repeat, by });
        }
    }

    /// An attempt failed: it is repeated, or the node has failed for good.
    pub(super) fn failed(
        &mut self,
        node: &PlanNode,
        path: NodePath,
        attempt: u32,
        safety: Safety,
        mut failure: Failure,
    ) {
        shorten(&mut failure.message);
        let again = self.may_repeat(node, attempt, &failure);
        let safe = match safety {
            Safety::Safe => true,
            Safety::Unknown | Safety::Touched => false,
        };
        if again && let Some(why) = safety.why() {
            failure.message.push_str(&not_tried_again(why));
        }
        let retry_at = (again && safe)
            .then(|| self.now.plus(wait_before_next(&node.retry, &failure, self.state, &path, attempt)));
        self.said += failure.message.len();
        self.out.records.push(Body::Failed { node: path, failure, retry_at });
    }

    /// Whether a node has another attempt after this failure, if its effects allow it.
    pub(super) fn may_repeat(&self, node: &PlanNode, attempt: u32, failure: &Failure) -> bool {
        self.state.stopping.is_none() && failure.retryable && attempt < node.retry.max_attempts
    }

    /// Attempts lost with their process are made again where that is safe; the others are in doubt.
    pub(super) fn recovered(&mut self, by: Principal, epoch: u64) {
        let state = self.state;
        self.out.records.push(Body::Resumed { by, epoch });
        let mut pending = Vec::new();
        for (ticket, place) in state.attempts.iter() {
            let (Some(path), Some(attempt), Some(frame)) =
                (state.path(place), state.attempt(place), state.frame(place.frame))
            else {
                continue;
            };
            let effect = attempt.open_effect();
            if state.stopping.is_some() {
                let in_doubt = !effect.is_repeatable();
                self.out.records.push(Body::Cancelled { node: path, in_doubt, winding_down: false });
            } else if effect.is_repeatable() {
                // What is held for it is taken to be spent; it takes as much again.
                let wanted = state.wanted_again(&path);
                match (state.lacks(place, wanted, &pending), self.at(place)) {
                    (Some(Lack::Refused(failure)), Some((_, node))) => {
                        self.failed(node, path, attempt.number, Safety::Safe, failure);
                        continue;
                    }
                    (Some(Lack::Short(need)), _) => {
                        *self.out = Decided { short: Some(need), ..Decided::default() };
                        return;
                    }
                    (Some(Lack::Refused(_)), None) | (None, _) => {}
                }
                pending.push((path.clone(), wanted));
                self.out.commands.push(Command::Start(Start {
                    ticket,
                    path,
                    attempt: attempt.number,
                    intent: attempt.intent.clone(),
                    effect: attempt.effect,
                    receipts: receipts(&attempt.steps),
                    plan: Arc::clone(&frame.plan),
                    scope: frame.scope,
                    node: place.node,
                }));
            } else {
                self.out.records.push(Body::InDoubt { node: path });
            }
        }
    }
}
