//! The rounds of an agent: what it says, what comes of that, until it is done or may not go on.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::{FinishReason, Message, Part, Request, Response, Role, tokens};
use ice_core::path::NodePath;
use ice_core::tools::Effect;
use ice_core::value::{Map, Value};

use super::calls::{Call, Gave};
use super::repeats::Repeats;
use super::round::Round;
use crate::executors::StepContext;
use crate::executors::builtin::llm::{again, fields, misfit};
use crate::journal::{Failure, Intent};
use crate::workflow::model::{Agent, AgentBounds, AgentSpent, LlmOutput};

/// What an agent came to.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What it said last.
    pub(crate) text: String,
    /// What it let be read of its reasoning then.
    pub(crate) reasoning: String,
    /// The fields of a declared schema.
    pub(crate) fields: Map,
    /// The tools it called, in order: `{round, tool, input, output}`, or `error` instead of `output`.
    pub(crate) history: Vec<Value>,
    /// How often the model was asked.
    pub(crate) iterations: u32,
    pub(crate) status: Status,
    /// What it spent, with what agents did that it let work.
    pub(crate) spent: AgentSpent,
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It said that it is done.
    Success,
    /// It would have gone on, and had no further round.
    MaxIterationsReached,
    /// It would have called more tools than it may.
    MaxToolCallsReached,
    /// The tokens that it may spend are spent, or the next round would have taken more.
    MaxTokensReached,
    /// The money that it may spend is spent.
    MaxCostReached,
    /// A person has spoken as often as they may.
    MaxTurnsReached,
    /// It asked for a call again of which it was told that it is not made any more.
    RepeatedCalls,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::MaxIterationsReached => "max_iterations_reached",
            Self::MaxToolCallsReached => "max_tool_calls_reached",
            Self::MaxTokensReached => "max_tokens_reached",
            Self::MaxCostReached => "max_cost_reached",
            Self::MaxTurnsReached => "max_turns_reached",
            Self::RepeatedCalls => "repeated_calls",
        }
    }
}

/// An agent, what it is to answer with, and how far it goes.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) declared: Option<&'a LlmOutput>,
    pub(crate) bounds: AgentBounds,
}

/// A conversation under way.
pub(super) struct Conversation<'a> {
    pub(super) work: Work<'a>,
    pub(super) ctx: &'a StepContext,
    /// Its rounds are addressed below this.
    pub(super) base: &'a NodePath,
    request: Map,
    pub(super) messages: Vec<Value>,
    pub(super) history: Vec<Value>,
    pub(super) repeats: Repeats,
    pub(super) spent: AgentSpent,
    /// What was said last.
    said: Option<Response>,
    pub(super) iterations: u32,
    pub(super) turn: Turn,
}

/// What was there before the turn that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Rounds.
    pub(super) began: u32,
    /// Messages, without what the person said to begin it.
    pub(super) said: usize,
    /// Calls.
    pub(super) history: usize,
}

/// Lets an agent work, beginning with a request. Its rounds are the steps `base.round[0]` and so on.
///
/// Not cancel-safe, as [`StepContext::step`].
pub(crate) async fn converse(
    work: Work<'_>,
    ctx: &StepContext,
    base: &NodePath,
    request: Value,
) -> Result<Answer, Failure> {
    converse_counted(work, ctx, base, request).await.0
}

/// As [`converse`], with what was spent, also by an agent that fails.
pub(super) async fn converse_counted(
    work: Work<'_>,
    ctx: &StepContext,
    base: &NodePath,
    request: Value,
) -> (Result<Answer, Failure>, AgentSpent) {
    let ctx = ctx.watched(work.agent, base);
    let mut conversation = Conversation::new(work, &ctx, base, request);
    let ended = conversation.hold_watched().await;
    (ended, conversation.spent)
}

impl<'a> Conversation<'a> {
    pub(super) fn new(work: Work<'a>, ctx: &'a StepContext, base: &'a NodePath, request: Value) -> Self {
        let messages = request.get("messages").and_then(Value::as_list).unwrap_or_default().to_vec();
        let turn = Turn { began: 0, said: messages.len().saturating_sub(1), history: 0 };
        Self {
            work,
            ctx,
            base,
            request: request.as_map().cloned().unwrap_or_default(),
            messages,
            history: Vec::new(),
            repeats: Repeats::default(),
            spent: AgentSpent::default(),
            said: None,
            iterations: 0,
            turn,
        }
    }

    /// As [`Self::hold`], seen by whoever watches agents, from the first step on that is new.
    pub(super) async fn hold_watched(&mut self) -> Result<Answer, Failure> {
        let Some(watch) = &self.ctx.watch else { return self.hold().await };
        watch.open();
        let ended = self.hold().await;
        watch.close(&*self.ctx.port, ended.as_ref().map(|answer| answer.status.as_str()));
        ended
    }

    /// Asks the model and makes its calls, until it has answered or may not go on.
    pub(super) async fn hold(&mut self) -> Result<Answer, Failure> {
        let mut repaired = false;
        loop {
            let round = self.iterations;
            let is_last = round - self.turn.began + 1 >= self.work.bounds.rounds;
            let (message, response, is_cut_short) = match self.known(round)? {
                Some(known) => known,
                None => {
                    let request = match self.next_request()? {
                        Ok(request) => request,
                        Err(status) => return Ok(self.end(Map::default(), status)),
                    };
                    let is_cut_short = request.get("max_tokens") != self.request.get("max_tokens");
                    let (message, response) = self.ask(round, request).await?;
                    (message, response, is_cut_short)
                }
            };
            self.iterations += 1;
            let text = response.message.joined_text();
            let has_calls = response.message.parts.iter().any(|part| Call::of(part).is_some());
            let finish = response.finish;
            self.messages.push(message);
            let response = self.said.insert(response);
            if has_calls {
                let calls = response.message.parts.iter().filter_map(Call::of);
                let stuck = calls.clone().any(|call| self.repeats.was_told(call.tool, call.arguments));
                // Nobody would see what these calls give: they are not made.
                if let Some(status) = self.ends_before_calls(is_last, stuck) {
                    return Ok(self.end(Map::default(), status));
                }
                // What was cut off may be any of them: none is made.
                let results = if finish == FinishReason::Length && self.work.agent.marks_data {
                    self.not_made("this call was not made: the answer was cut off at `max_tokens`")?
                } else {
                    Some(self.call(round).await?)
                };
                self.messages.extend(results);
                continue;
            }
            if finish == FinishReason::Length && is_cut_short {
                return Ok(self.end(Map::default(), Status::MaxTokensReached));
            }
            let Some(declared) = self.work.declared else {
                return Ok(self.end(Map::default(), Status::Success));
            };
            if finish == FinishReason::Length {
                let message = "the answer was cut off at `max_tokens` and cannot be parsed";
                return Err(Failure::new(ErrorCode::ModelTruncated, message));
            }
            match fields(declared, &text) {
                Ok(fields) => return Ok(self.end(fields, Status::Success)),
                Err(error) if repaired || is_last => return Err(misfit(declared, &error.to_string())),
                Err(error) => {
                    repaired = true;
                    self.messages.push(value(&Message::text(Role::User, again(declared, &error)))?);
                }
            }
        }
    }

    /// How the agent ends with calls asked for, if it does.
    fn ends_before_calls(&self, is_last: bool, is_stuck: bool) -> Option<Status> {
        let (bounds, spent) = (&self.work.bounds, &self.spent);
        if is_last {
            Some(Status::MaxIterationsReached)
        } else if is_stuck {
            Some(Status::RepeatedCalls)
        } else if bounds.tool_calls.is_some_and(|most| spent.tool_calls >= most) {
            Some(Status::MaxToolCallsReached)
        } else if bounds.tokens.is_some_and(|most| spent.usage.total() >= most) {
            Some(Status::MaxTokensReached)
        } else {
            self.is_broke().then_some(Status::MaxCostReached)
        }
    }

    fn is_broke(&self) -> bool {
        self.work.bounds.cost.is_some_and(|most| self.spent.usage.cost >= most)
    }

    /// The request of the next round, or how the agent ends instead. Where tokens are limited, the answer is: it has what is
    /// left once the request is read. How much that takes is estimated as everywhere, so that it comes out the same again.
    fn next_request(&mut self) -> Result<Result<Value, Status>, Failure> {
        if self.is_broke() {
            return Ok(Err(Status::MaxCostReached));
        }
        let mut request = self.request.clone();
        request.insert(Arc::from("messages"), Value::list(self.messages.iter().cloned()));
        let Some(most) = self.work.bounds.tokens else { return Ok(Ok(Value::from(request))) };
        let read = Value::from(request.clone());
        let read = read.to().map_err(|error| {
            Failure::new(ErrorCode::ModelFailed, format!("the request cannot be read: {error}"))
        })?;
        let left =
            most.saturating_sub(self.spent.usage.total()).saturating_sub(tokens::estimate_input(&read));
        if left == 0 {
            return Ok(Err(Status::MaxTokensReached));
        }
        if read.max_tokens.is_none_or(|set| set > left) {
            request.insert(Arc::from("max_tokens"), Value::from(left));
        }
        Ok(Ok(Value::from(request)))
    }

    pub(super) fn end(&mut self, fields: Map, status: Status) -> Answer {
        let message = self.said.take().map(|response| response.message);
        let text = message.as_ref().map(Message::joined_text).unwrap_or_default();
        let parts = message.iter().flat_map(|message| &message.parts);
        let reasoning = parts.filter_map(|part| match part {
            Part::Reasoning { text } => Some(text.as_str()),
            Part::Text { .. }
            | Part::Blob { .. }
            | Part::ToolCall { .. }
            | Part::ToolResult { .. }
            | Part::Opaque { .. } => None,
        });
        let reasoning = reasoning.collect();
        let (history, iterations) = (std::mem::take(&mut self.history), self.iterations);
        Answer { text, reasoning, fields, history, iterations, status, spent: self.spent }
    }

    /// What came of a round that ended before, if that does not depend on its request: nobody has to put that together again.
    fn known(&mut self, round: u32) -> Result<Option<(Value, Response, bool)>, Failure> {
        if self.work.bounds.tokens.is_some() {
            return Ok(None);
        }
        let address = self.address(&format!(".round[{round}]"))?;
        let known = self.ctx.port.known(&address).map(|said| self.heard(said)).transpose()?;
        Ok(known.map(|(message, response)| (message, response, false)))
    }

    /// Asks the model. What it says is given as it is kept, which later requests share, and read.
    async fn ask(&mut self, round: u32, request: Value) -> Result<(Value, Response), Failure> {
        let intent = Intent::Llm { provider: Arc::clone(&self.work.agent.provider), request };
        let address = self.address(&format!(".round[{round}]"))?;
        let Agent { name, provider, request: Request { model, .. }, .. } = self.work.agent;
        if self.work.bounds.cost.is_some() && !self.ctx.port.is_priced(provider, model) {
            let message = format!(
                "the agent `{name}` may spend so much money and no more, and what `{model}` costs is not known"
            );
            return Err(Failure::new(ErrorCode::BudgetExceeded, message));
        }
        let intent = self.ctx.inspect(&address, intent)?;
        // What goes instead of a message goes in later rounds as well, and need not be looked at again.
        if let Some(messages) = intent.value().get("messages").and_then(Value::as_list)
            && messages.len() == self.messages.len()
        {
            self.messages.clone_from_slice(messages);
        }
        // A model call costs, but changes nothing: it is repeated after a crash.
        let ctx = self.ctx.of_agent(&self.work.agent.name);
        let said = ctx.inspected_step(&address, intent, Effect::Idempotent).await;
        self.heard(said)
    }

    /// What a model said: the message as it is kept, and read.
    fn heard(&mut self, said: Result<Value, Failure>) -> Result<(Value, Response), Failure> {
        let said = said.inspect_err(|failure| self.spent.usage += failure.usage)?;
        let response: Response = said.to().map_err(|error| {
            Failure::new(ErrorCode::ModelFailed, format!("the provider's answer cannot be read: {error}"))
        })?;
        self.spent.usage += response.usage;
        Ok((said.get("message").cloned().unwrap_or_default(), response))
    }

    /// Makes the calls of a round and gives the message that answers them.
    async fn call(&mut self, round: u32) -> Result<Value, Failure> {
        let Some(response) = self.said.take() else { return Ok(Value::Null) };
        let calls: Vec<Call<'_>> = response.message.parts.iter().filter_map(Call::of).collect();
        let gave = Round::plan(self, round, &calls)?.make(self, round, &calls).await?;
        let results = self.results(round, &calls, gave);
        self.said = Some(response);
        results
    }

    /// What the model is told of the calls that the last message asks for, none of which was made; nothing if it asks for none.
    pub(super) fn not_made(&mut self, why: &str) -> Result<Option<Value>, Failure> {
        let last = self.messages.last().and_then(|message| message.to::<Message>().ok());
        let calls: Vec<Call<'_>> = last.iter().flat_map(|last| &last.parts).filter_map(Call::of).collect();
        if calls.is_empty() {
            return Ok(None);
        }
        let gave = calls.iter().map(|_| Gave::told(why)).collect();
        self.results(self.iterations.saturating_sub(1), &calls, gave).map(Some)
    }

    /// The message that answers the calls of a round.
    fn results(&mut self, round: u32, calls: &[Call<'_>], gave: Vec<Gave>) -> Result<Value, Failure> {
        let mut results = Vec::with_capacity(calls.len());
        for (call, gave) in calls.iter().zip(gave) {
            self.history.push(call.entry(round, &gave));
            results.push(call.result(gave, self.work.bounds.result_bytes));
        }
        Ok(Value::map([("role", value(&Role::Tool)?), ("parts", Value::from(results))]))
    }

    pub(super) fn address(&self, suffix: &str) -> Result<NodePath, Failure> {
        self.base.extended(suffix).ok_or_else(|| {
            let message = "the agent is nested too deep: the paths of its steps would be too long";
            Failure::new(ErrorCode::LimitExceeded, message)
        })
    }
}

pub(super) fn value<T: serde::Serialize>(of: &T) -> Result<Value, Failure> {
    Value::from_serialize(of).map_err(|error| {
        Failure::new(ErrorCode::ModelFailed, format!("a message cannot be written: {error}"))
    })
}
