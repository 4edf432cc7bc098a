//! The calls of one round: those that can be repeated run together, the others one after the other, all in the order given.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use ice_core::error::ErrorCode;

use super::calls::{Call, Callee, Gave, MAX_CALLS};
use super::conversation::Conversation;
use crate::journal::Failure;
use crate::workflow::model::AgentSpent;

/// The most calls that run at the same time.
const AT_ONCE: usize = 8;

/// What becomes of each call of a round.
pub(super) struct Round<'a> {
    planned: Vec<Result<Callee<'a>, Gave>>,
}

impl<'a> Round<'a> {
    /// Looks at every call, in order: whether it may be made.
    ///
    /// # Errors
    /// That a policy stopped one: none is made then.
    pub(super) fn plan(of: &mut Conversation<'a>, round: u32, calls: &[Call<'_>]) -> Result<Self, Failure> {
        let bounds = of.work.bounds;
        let mut left = bounds.tool_calls.map(|most| most.saturating_sub(of.spent.tool_calls));
        let mut planned = Vec::with_capacity(calls.len());
        for (at, call) in calls.iter().enumerate() {
            planned.push(Self::planned(of, round, (at, call), &mut left)?);
        }
        Ok(Self { planned })
    }

    fn planned(
        of: &mut Conversation<'a>,
        round: u32,
        (at, call): (usize, &Call<'_>),
        left: &mut Option<u64>,
    ) -> Result<Result<Callee<'a>, Gave>, Failure> {
        let bounds = of.work.bounds;
        // Of what is beyond the most of one answer nothing is remembered.
        if let Some(most) = bounds.repeats
            && at < MAX_CALLS
            && !of.repeats.admit(call.tool, call.arguments, most)
        {
            let why = format!(
                "this call was not made: it was made {most} times with these arguments; say what you have, or do something else"
            );
            return Ok(Err(Gave::told(why)));
        }
        let address = of.address(&format!(".round[{round}].call[{at}]"))?;
        let callee = match call.inspected(of.work.agent, at, of.ctx, &address)? {
            Ok(callee) => callee,
            Err(told) => return Ok(Err(Gave::told(told))),
        };
        match left {
            Some(0) => {
                let most = bounds.tool_calls.unwrap_or_default();
                return Ok(Err(Gave::told(format!("this call was not made: all {most} calls are used up"))));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(Ok(callee))
    }

    /// Makes the calls and gives what came of each, in order.
    ///
    /// # Errors
    /// The first failure that ends the agent. What runs together with it ends before; nothing begins after it.
    pub(super) async fn make(
        self,
        of: &mut Conversation<'a>,
        round: u32,
        calls: &[Call<'_>],
    ) -> Result<Vec<Gave>, Failure> {
        let bounds = of.work.bounds;
        let is_together = |planned: &Result<Callee<'_>, Gave>| match planned {
            Ok(callee) => callee.is_together(&bounds),
            // Nothing happens for it.
            Err(_) => true,
        };
        let mut all = Vec::with_capacity(calls.len());
        let mut rest = self.planned.into_iter().zip(calls).enumerate().peekable();
        while let Some(first) = rest.next() {
            let runs_together = is_together(&first.1.0);
            // An agent that worked before it may have used up what was left.
            let is_used_up = bounds.tool_calls.is_some_and(|most| of.spent.tool_calls >= most);
            if is_used_up && first.1.0.is_ok() {
                let most = bounds.tool_calls.unwrap_or_default();
                all.push(Gave::told(format!("this call was not made: all {most} calls are used up")));
                continue;
            }
            let mut group = vec![first];
            while runs_together && let Some(next) = rest.next_if(|(_, (planned, _))| is_together(planned)) {
                group.push(next);
            }
            let ended = AtomicBool::new(false);
            let (here, ended) = (&*of, &ended);
            let made = group.into_iter().map(|(at, (planned, call))| async move {
                let callee = match planned {
                    Ok(callee) => callee,
                    Err(gave) => return Ok(gave),
                };
                if ended.load(Ordering::Relaxed) {
                    return Err(Failure::new(ErrorCode::RunCancelled, "a call before it ended the agent"));
                }
                let made = here.make(round, at, call, callee).await;
                if made.is_err() {
                    ended.store(true, Ordering::Relaxed);
                }
                made
            });
            let made: Vec<_> = made.collect();
            let made: Vec<_> = futures::stream::iter(made).buffered(AT_ONCE).collect().await;
            if let Some(failure) = why(&made) {
                return Err(failure);
            }
            for gave in made.into_iter().flatten() {
                of.spent += gave.spent;
                all.push(gave);
            }
        }
        Ok(all)
    }
}

impl Conversation<'_> {
    /// Makes one call, the `at`-th of its round.
    async fn make(
        &self,
        round: u32,
        at: usize,
        call: &Call<'_>,
        callee: Callee<'_>,
    ) -> Result<Gave, Failure> {
        let address = self.address(&format!(".round[{round}].call[{at}]"))?;
        let own = match &callee {
            Callee::Tool(..) | Callee::Person => self.work.bounds,
            Callee::Agent(agent) => agent.agent.bounds,
        };
        // It is a call itself.
        let mut spent = self.spent;
        spent += AgentSpent { tool_calls: 1, ..AgentSpent::default() };
        let left = self.work.bounds.left_for(&spent, own);
        call.make(callee, self.ctx, &address, left).await
    }
}

/// The failure that ended a group, rather than one of a call that it kept from beginning.
fn why(made: &[Result<Gave, Failure>]) -> Option<Failure> {
    let failures = || made.iter().filter_map(|made| made.as_ref().err());
    let first = failures().find(|failure| failure.code != ErrorCode::RunCancelled);
    first.or_else(|| failures().next()).cloned()
}
