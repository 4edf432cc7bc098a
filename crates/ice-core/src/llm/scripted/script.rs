//! What a script says: data that a file can hold.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::llm::delivery::{self, Delivery};
use crate::llm::{
    Chunk, ChunkStream, FinishReason, LlmContext, LlmError, LlmErrorKind, Message, ModelCapabilities, Part,
    Request, Response, Role, Usage, tokens,
};
use crate::value::Value;

/// The answers of a scripted model.
///
/// Each call takes the first turn, from the top, that is not used up and whose `when` fits. Turns without
/// `when` are therefore taken in order. A call that finds no turn fails with a clear error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// The models that exist; every name if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// What these models can do. Everything, with 2^20 tokens each way, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<ModelCapabilities>,
    /// The turns.
    pub turns: Vec<Turn>,
}

/// One answer or failure, and the calls it is meant for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// Which calls it answers; any if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// How many calls it answers.
    pub times: Times,
    /// The text of the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The model's readable reasoning, before the text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// The tools that the model asks for, after the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Further parts after the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The answer as JSON; used if there is no text.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub json: Value,
    /// The tokens spent; estimated if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Why it stopped; `tool_calls` or `stop` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishReason>,
    /// How the text is cut when it is streamed: into words if left out. The pieces replace `text`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<String>,
    /// The wait before the answer, in milliseconds.
    pub delay_ms: u64,
    /// The wait before each streamed piece, in milliseconds.
    pub chunk_delay_ms: u64,
    /// Fails instead of answering. A stream delivers the text first and then breaks off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// A tool that the model asks for. The id of the call is made up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// The arguments.
    #[serde(default = "Value::empty_map")]
    pub arguments: Value,
}

impl ToolCall {
    /// As a part of a message, told from others of the conversation by a number and its place among them.
    fn part(&self, number: usize, place: usize) -> Part {
        let (name, arguments) = (self.name.clone(), self.arguments.clone());
        Part::ToolCall { id: format!("call_{number}_{place}"), name, arguments }
    }
}

/// The calls a turn is meant for: all that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// The model's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A text that the last user message contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// A text that any message contains, the results of tools included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anywhere: Option<String>,
}

/// How many calls a turn answers: a number, or `always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Times {
    /// That many.
    Count(u32),
    /// Every one.
    Always(Always),
}

/// The word `always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Always {
    /// The word.
    Always,
}

impl Default for Times {
    fn default() -> Self {
        Self::Count(1)
    }
}

impl Times {
    /// Every call.
    pub const ALWAYS: Self = Self::Always(Always::Always);

    pub(super) const fn allows(self, used: u64) -> bool {
        match self {
            Self::Count(count) => used < count as u64,
            Self::Always(_) => true,
        }
    }
}

/// A scripted failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What it says.
    #[serde(default)]
    pub message: String,
    /// How long to wait before trying again, in milliseconds; for `transient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether another model may do better.
    #[serde(default)]
    pub another_model_helps: bool,
}

/// The kinds of [`LlmErrorKind`], by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each stands for the variant of the same name of LlmErrorKind")]
pub enum FailureKind {
    ContextTooLong,
    Transient,
    Auth,
    Quota,
    Refused,
    InvalidRequest,
    Truncated,
    Cancelled,
}

impl Script {
    /// The turn that a call takes, if there is one left. `used` counts the calls that each has answered.
    pub(super) fn take(&self, used: &mut [u64], request: &Request) -> Option<&Turn> {
        self.turns.iter().zip(used).find_map(|(turn, used)| {
            let fits = turn.times.allows(*used) && turn.when.as_ref().is_none_or(|when| when.fits(request));
            if fits {
                *used += 1;
            }
            fits.then_some(turn)
        })
    }

    /// Whether there is a model of this name.
    pub(super) fn knows(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|known| known == model))
    }

    /// A script of texts, one for each call in order.
    #[must_use]
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self { turns: texts.into_iter().map(Turn::text).collect(), ..Self::default() }
    }
}

impl Turn {
    /// An answer of one text, for one call.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A failure, for one call.
    #[must_use]
    pub fn failure(kind: FailureKind, message: impl Into<String>) -> Self {
        let failure =
            Failure { kind, message: message.into(), retry_after_ms: None, another_model_helps: false };
        Self { error: Some(failure), ..Self::default() }
    }

    /// The same turn for calls whose last user message contains `text`.
    #[must_use]
    pub fn when_contains(mut self, text: impl Into<String>) -> Self {
        self.when.get_or_insert_default().contains = Some(text.into());
        self
    }

    /// The same turn for every call that fits.
    #[must_use]
    pub const fn always(mut self) -> Self {
        self.times = Times::ALWAYS;
        self
    }

    /// The whole text of the answer.
    pub(super) fn whole_text(&self) -> String {
        if !self.chunks.is_empty() {
            self.chunks.concat()
        } else if self.text.is_empty() && !self.json.is_null() {
            self.json.to_string()
        } else {
            self.text.clone()
        }
    }

    fn calls(&self, number: usize) -> impl Iterator<Item = Part> + '_ {
        self.tool_calls.iter().enumerate().map(move |(place, call)| call.part(number, place))
    }

    /// The same turn with a tool that is asked for.
    #[must_use]
    pub fn with_call(mut self, name: impl Into<String>, arguments: Value) -> Self {
        self.tool_calls.push(ToolCall { name: name.into(), arguments });
        self
    }

    /// The tokens the answer takes.
    pub(super) fn output_tokens(&self) -> u64 {
        match self.usage {
            Some(usage) => usage.output,
            None => {
                tokens::estimate_text(&self.whole_text())
                    + tokens::estimate_text(&self.reasoning)
                    + self.calls(0).map(|call| tokens::estimate_part(&call)).sum::<u64>()
                    + self.parts.iter().map(tokens::estimate_part).sum::<u64>()
            }
        }
    }

    pub(super) fn usage(&self, request: &Request) -> Usage {
        self.usage.unwrap_or_else(|| Usage {
            input: tokens::estimate_input(request),
            output: self.output_tokens(),
            reasoning: tokens::estimate_text(&self.reasoning),
            ..Usage::default()
        })
    }

    /// The answer of a call that took this turn, piece by piece.
    pub(super) fn deliver(self, request: &Request, ctx: &LlmContext) -> ChunkStream {
        let end = self.end(request);
        let reasoning = delivery::words(&self.reasoning).into_iter().map(|delta| Chunk::Reasoning { delta });
        let text = if self.chunks.is_empty() { delivery::words(&self.whole_text()) } else { self.chunks };
        let delivery = Delivery {
            pieces: reasoning.chain(text.into_iter().map(|delta| Chunk::Text { delta })).collect(),
            pause: Duration::from_millis(self.chunk_delay_ms),
            end,
            cancel: ctx.cancel.clone(),
        };
        delivery.into_stream()
    }

    /// How a call that took this turn ends.
    pub(super) fn end(&self, request: &Request) -> Result<Response, LlmError> {
        let usage = self.usage(request);
        if let Some(failure) = &self.error {
            let usage = self.usage.unwrap_or_default();
            return Err(LlmError { usage, ..failure.to_error() });
        }
        let mut parts = Vec::new();
        if !self.reasoning.is_empty() {
            parts.push(Part::Reasoning { text: self.reasoning.clone() });
        }
        let text = self.whole_text();
        if !text.is_empty() || (self.parts.is_empty() && self.tool_calls.is_empty()) {
            parts.push(Part::Text { text });
        }
        parts.extend(self.calls(request.messages.len()));
        parts.extend(self.parts.iter().cloned());
        let calls = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        let finish = if calls { FinishReason::ToolCalls } else { FinishReason::Stop };
        Ok(Response {
            message: Message { role: Role::Assistant, parts },
            usage,
            finish: self.finish.unwrap_or(finish),
            model: request.model.clone(),
        })
    }
}

impl Failure {
    fn to_error(&self) -> LlmError {
        let kind = match self.kind {
            FailureKind::ContextTooLong => LlmErrorKind::ContextTooLong,
            FailureKind::Transient => {
                LlmErrorKind::Transient { retry_after: self.retry_after_ms.map(Duration::from_millis) }
            }
            FailureKind::Auth => LlmErrorKind::Auth,
            FailureKind::Quota => LlmErrorKind::Quota,
            FailureKind::Refused => LlmErrorKind::Refused,
            FailureKind::InvalidRequest => LlmErrorKind::InvalidRequest,
            FailureKind::Truncated => LlmErrorKind::Truncated,
            FailureKind::Cancelled => LlmErrorKind::Cancelled,
        };
        let message = if self.message.is_empty() { "a failure of the script" } else { &self.message };
        LlmError { another_model_helps: self.another_model_helps, ..LlmError::new(kind, message) }
    }
}

impl When {
    pub(super) fn fits(&self, request: &Request) -> bool {
        let last_user = || request.messages.iter().rev().find(|message| message.role == Role::User);
        self.model.as_ref().is_none_or(|model| *model == request.model)
            && self.contains.as_ref().is_none_or(|text| {
                last_user().is_some_and(|message| message.joined_text().contains(text.as_str()))
            })
            && self
                .anywhere
                .as_ref()
                .is_none_or(|text| request.messages.iter().any(|message| mentions(message, text)))
    }
}

fn mentions(message: &Message, wanted: &str) -> bool {
    message.parts.iter().any(|part| match part {
        Part::Text { text } | Part::Reasoning { text } => text.contains(wanted),
        Part::ToolResult { content, .. } => match content.as_str() {
            Some(text) => text.contains(wanted),
            None => content.to_string().contains(wanted),
        },
        Part::Blob { .. } | Part::ToolCall { .. } | Part::Opaque { .. } => false,
    })
}
