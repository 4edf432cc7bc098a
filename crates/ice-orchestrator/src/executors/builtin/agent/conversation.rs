//! The rounds of an agent: what it says, what comes of that, until it is done.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::{FinishReason, Message, Part, Response, Role, Usage};
use ice_core::path::NodePath;
use ice_core::tools::Effect;
use ice_core::value::{Map, Value};

use super::calls::{self, Call};
use crate::executors::StepContext;
use crate::executors::builtin::llm::{fields, misfit};
use crate::journal::{Failure, Intent};
use crate::workflow::model::{Agent, LlmOutput};

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
    /// What its rounds spent.
    pub(crate) usage: Usage,
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It said that it is done.
    Success,
    /// It would have gone on.
    MaxIterationsReached,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::MaxIterationsReached => "max_iterations_reached",
        }
    }
}

/// A conversation under way.
struct Conversation<'a> {
    agent: &'a Agent,
    declared: Option<&'a LlmOutput>,
    ctx: &'a StepContext,
    /// Its rounds are addressed below this.
    base: &'a NodePath,
    request: Map,
    messages: Vec<Value>,
    history: Vec<Value>,
    usage: Usage,
}

/// Lets an agent work, beginning with a request. Its rounds are the steps `base.round[0]` and so on.
///
/// Not cancel-safe, as [`StepContext::step`].
pub(crate) async fn converse(
    agent: &Agent,
    declared: Option<&LlmOutput>,
    ctx: &StepContext,
    base: &NodePath,
    request: Value,
) -> Result<Answer, Failure> {
    let messages = request.get("messages").and_then(Value::as_list).unwrap_or_default().to_vec();
    let request = request.as_map().cloned().unwrap_or_default();
    let history = Vec::new();
    let conversation =
        Conversation { agent, declared, ctx, base, request, messages, history, usage: Usage::default() };
    conversation.hold().await
}

impl Conversation<'_> {
    async fn hold(mut self) -> Result<Answer, Failure> {
        let mut repaired = false;
        let mut iterations = 0;
        loop {
            let round = iterations;
            let is_last = round + 1 >= self.agent.max_iterations;
            let (message, response) = self.ask(round).await?;
            iterations += 1;
            let text = response.message.joined_text();
            let calls: Vec<Call<'_>> = response.message.parts.iter().filter_map(Call::of).collect();
            if !calls.is_empty() && is_last {
                // Nobody would see what these calls give: they are not made.
                return Ok(self.end(
                    &response,
                    text,
                    Map::default(),
                    iterations,
                    Status::MaxIterationsReached,
                ));
            }
            self.messages.push(message);
            if !calls.is_empty() {
                let results = self.call(round, calls).await?;
                self.messages.push(results);
                continue;
            }
            let Some(declared) = self.declared else {
                return Ok(self.end(&response, text, Map::default(), iterations, Status::Success));
            };
            if response.finish == FinishReason::Length {
                let message = "the answer was cut off at `max_tokens` and cannot be parsed";
                return Err(Failure::new(ErrorCode::ModelTruncated, message));
            }
            match fields(declared, &text) {
                Ok(fields) => return Ok(self.end(&response, text, fields, iterations, Status::Success)),
                Err(error) if repaired || is_last => return Err(misfit(declared, &error.to_string())),
                Err(error) => {
                    repaired = true;
                    let message = format!(
                        "{error}. Answer again with nothing but JSON that follows this schema: {}",
                        declared.schema
                    );
                    self.messages.push(value(&Message::text(Role::User, message))?);
                }
            }
        }
    }

    fn end(self, response: &Response, text: String, fields: Map, iterations: u32, status: Status) -> Answer {
        let reasoning = response.message.parts.iter().filter_map(|part| match part {
            Part::Reasoning { text } => Some(text.as_str()),
            Part::Text { .. }
            | Part::Blob { .. }
            | Part::ToolCall { .. }
            | Part::ToolResult { .. }
            | Part::Opaque { .. } => None,
        });
        let reasoning = reasoning.collect();
        Answer { text, reasoning, fields, history: self.history, iterations, status, usage: self.usage }
    }

    /// Asks the model. What it says is given as it is kept, which later requests share, and read.
    async fn ask(&mut self, round: u32) -> Result<(Value, Response), Failure> {
        self.request.insert(Arc::from("messages"), Value::list(self.messages.iter().cloned()));
        let request = Value::from(self.request.clone());
        let intent = Intent::Llm { provider: Arc::clone(&self.agent.provider), request };
        let address = self.address(&format!(".round[{round}]"))?;
        // A model call costs, but changes nothing: it is repeated after a crash.
        let said = self.ctx.step(&address, intent, Effect::Idempotent).await?;
        let response: Response = said.to().map_err(|error| {
            Failure::new(ErrorCode::ModelFailed, format!("the provider's answer cannot be read: {error}"))
        })?;
        self.usage += response.usage;
        Ok((said.get("message").cloned().unwrap_or_default(), response))
    }

    /// Makes the calls of a round, one after the other, and gives the message that answers them.
    async fn call(&mut self, round: u32, calls: Vec<Call<'_>>) -> Result<Value, Failure> {
        let mut results = Vec::with_capacity(calls.len());
        for (at, call) in calls.into_iter().enumerate() {
            let address = self.address(&format!(".round[{round}].call[{at}]"))?;
            let gave = calls::make(self.agent, self.ctx, &address, at, &call).await?;
            self.history.push(call.entry(round, &gave));
            results.push(call.result(gave));
        }
        Ok(Value::map([("role", value(&Role::Tool)?), ("parts", Value::from(results))]))
    }

    fn address(&self, suffix: &str) -> Result<NodePath, Failure> {
        self.base.extended(suffix).ok_or_else(|| {
            let message = "the agent is nested too deep: the paths of its steps would be too long";
            Failure::new(ErrorCode::LimitExceeded, message)
        })
    }
}

fn value<T: serde::Serialize>(of: &T) -> Result<Value, Failure> {
    Value::from_serialize(of).map_err(|error| {
        Failure::new(ErrorCode::ModelFailed, format!("a message cannot be written: {error}"))
    })
}
