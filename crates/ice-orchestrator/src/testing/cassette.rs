//! Cassettes: what tools and models answered once, to be played again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::llm::{LlmContext, LlmError, LlmErrorKind, LlmProvider, Request, Response};
use ice_core::tools::{Effect, Started, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::heard::address;
use super::redaction::Redaction;
use crate::replay::{Difference, differences};

/// The most fields that are named where a call is not on the cassette.
const MAX_FIELDS: usize = 5;

/// The version of the files that this version writes and reads.
const VERSION: u32 = 1;

/// What is done with a cassette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Play,
    Record,
    Extend,
}

/// A file with the answers of tools and models: of every model, and of every tool whose effect is not `pure`.
///
/// It is JSON and belongs beside the test, under version control. What is secret is redacted before it is written; calls are
/// compared in their redacted form.
#[derive(Clone, Debug)]
pub struct Cassette {
    path: PathBuf,
    mode: Mode,
    redaction: Redaction,
}

impl Cassette {
    /// Plays a cassette: nothing real is called. A call that is not on it fails, and so does the test.
    #[must_use]
    pub fn play(path: impl AsRef<Path>) -> Self {
        Self::new(path, Mode::Play)
    }

    /// Makes real calls and writes a new cassette, in the place of the one before.
    #[must_use]
    pub fn record(path: impl AsRef<Path>) -> Self {
        Self::new(path, Mode::Record)
    }

    /// Plays what is on the cassette, makes the other calls for real, and adds them.
    #[must_use]
    pub fn extend(path: impl AsRef<Path>) -> Self {
        Self::new(path, Mode::Extend)
    }

    fn new(path: impl AsRef<Path>, mode: Mode) -> Self {
        Self { path: path.as_ref().to_owned(), mode, redaction: Redaction::default() }
    }

    /// Whether real calls are made.
    pub(super) fn records(&self) -> bool {
        self.mode != Mode::Play
    }

    /// A text that must not be written, wherever it stands: it becomes `[redacted]`.
    #[must_use]
    pub fn redact(mut self, secret: impl Into<String>) -> Self {
        self.redaction.text(secret.into());
        self
    }

    /// A field that must not be written, at any depth: its value becomes `[redacted]`.
    #[must_use]
    pub fn redact_field(mut self, name: impl Into<String>) -> Self {
        self.redaction.field(name.into());
        self
    }
}

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    calls: Vec<Recorded>,
}

/// A call and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    kind: Kind,
    /// The tool or the provider.
    name: String,
    request: Json,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Tool,
    Model,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Answer(Json),
    Failure(Failed),
}

/// How a call failed, of a tool or of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    code: ErrorCode,
    message: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retryable: bool,
    /// Whether a tool may have done something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unknown: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// A cassette that is being played or recorded. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Deck(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cassette: Cassette,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Recorded>,
    used: Vec<bool>,
    unknown: Vec<String>,
    changed: bool,
}

impl Deck {
    /// Opens a cassette.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub(super) fn open(cassette: &Cassette) -> Result<Self, String> {
        let mut state = State::default();
        if cassette.mode != Mode::Record {
            match std::fs::read(&cassette.path) {
                Ok(bytes) => state.calls = read(&bytes).map_err(|what| cassette.says(&what))?,
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotFound && cassette.mode == Mode::Extend => {}
                Err(error) => return Err(cassette.says(&format!("cannot be read: {error}"))),
            }
        }
        state.used = vec![false; state.calls.len()];
        state.changed = cassette.mode == Mode::Record;
        Ok(Self(Arc::new(Inner { cassette: cassette.clone(), state: Mutex::new(state) })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a tool, or plays what it gave.
    pub(super) async fn tool(
        &self,
        tool: &dyn Tool,
        ctx: &ToolContext,
        input: Value,
    ) -> Result<Value, ToolError> {
        if tool.effect(&input) == Effect::Pure {
            return tool.call(ctx, input).await;
        }
        let name = &tool.spec().name;
        let request = self.request(&input);
        match self.find(Kind::Tool, name, &request) {
            Some(Answer::Answer(answer)) => Ok(Value::from(answer)),
            Some(Answer::Failure(failed)) => Err(failed.of_tool()),
            None if self.plays_only() => {
                let message = self.unknown(Kind::Tool, name, ctx.path.as_str(), &request);
                Err(ToolError::refused(ErrorCode::ToolFailed, message))
            }
            None => {
                let result = tool.call(ctx, input).await;
                self.keep(Kind::Tool, name, request, result.as_ref().map_err(Failed::by_tool));
                result
            }
        }
    }

    /// Asks a model, or plays what it answered.
    pub(super) async fn model(
        &self,
        provider: &dyn LlmProvider,
        ctx: &LlmContext,
        request: Request,
    ) -> Result<Response, LlmError> {
        let name = provider.name();
        let asked = self.request(&Value::from_serialize(&request).unwrap_or_default());
        let invalid = |message| LlmError::new(LlmErrorKind::InvalidRequest, message);
        match self.find(Kind::Model, name, &asked) {
            Some(Answer::Answer(answer)) => serde_json::from_value(answer).map_err(|error| {
                invalid(self.0.cassette.says(&format!("has an answer that is none: {error}")))
            }),
            Some(Answer::Failure(failed)) => Err(failed.of_model()),
            None if self.plays_only() => {
                Err(invalid(self.unknown(Kind::Model, name, address(&ctx.idempotency_key), &asked)))
            }
            None => {
                let answer = provider.complete(ctx, request).await;
                let kept = answer.as_ref().map_err(Failed::by_model);
                let kept = kept.map(|response| Value::from_serialize(response).unwrap_or_default());
                self.keep(Kind::Model, name, asked, kept.as_ref().map_err(Clone::clone));
                answer
            }
        }
    }

    fn plays_only(&self) -> bool {
        self.0.cassette.mode == Mode::Play
    }

    fn request(&self, request: &Value) -> Json {
        let mut request = Json::from(request);
        self.0.cassette.redaction.apply(&mut request);
        request
    }

    /// The answer to a call: the next that was recorded for the same request.
    fn find(&self, kind: Kind, name: &str, request: &Json) -> Option<Answer> {
        let mut state = self.lock();
        let is_it = |call: &Recorded| call.kind == kind && call.name == name && call.request == *request;
        let at = state.calls.iter().zip(&state.used).position(|(call, used)| !used && is_it(call))?;
        *state.used.get_mut(at)? = true;
        state.calls.get(at).map(|call| call.answer.clone())
    }

    fn keep(&self, kind: Kind, name: &str, request: Json, result: Result<&Value, Failed>) {
        let mut answer = match result {
            Ok(value) => Answer::Answer(Json::from(value)),
            // What was given up says nothing of the world.
            Err(failed) if failed.code == ErrorCode::RunCancelled => return,
            Err(failed) => Answer::Failure(failed),
        };
        match &mut answer {
            Answer::Answer(value) => self.0.cassette.redaction.apply(value),
            Answer::Failure(failed) => {
                let mut message = Json::from(std::mem::take(&mut failed.message));
                self.0.cassette.redaction.apply(&mut message);
                message.as_str().unwrap_or_default().clone_into(&mut failed.message);
            }
        }
        let mut state = self.lock();
        state.calls.push(Recorded { kind, name: name.to_owned(), request, answer });
        state.used.push(true);
        state.changed = true;
    }

    /// What is to be said of a call that is not on the cassette.
    fn unknown(&self, kind: Kind, name: &str, address: &str, request: &Json) -> String {
        let mut state = self.lock();
        let same = state.calls.iter().zip(&state.used).zip(1..);
        let same = same.filter(|((call, _), _)| call.kind == kind && call.name == name);
        let compared = same.map(|((call, used), number)| {
            let mut found = Vec::new();
            differences("", &call.request, request, usize::MAX, &mut found);
            (found.len(), *used, number, found)
        });
        let what = match kind {
            Kind::Tool => "the tool",
            Kind::Model => "the model provider",
        };
        let what = format!("has no answer to this call of {what} `{name}` at `{address}`");
        let why = match compared.min_by_key(|(many, used, number, _)| (*many, *used, *number)) {
            None => "it was never called while this was recorded".to_owned(),
            Some((0, _, number, _)) => {
                format!("the same call, number {number}, was recorded, and is played already")
            }
            Some((many, _, number, found)) => {
                let fields = found.iter().take(MAX_FIELDS).map(told).collect::<Vec<_>>().join("; ");
                let more = many.saturating_sub(MAX_FIELDS);
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                format!("the nearest recorded call, number {number}, differs in {fields}{more}")
            }
        };
        let message = self.0.cassette.says(&format!("{what}: {why}. Record it with `Cassette::extend`"));
        state.unknown.push(message.clone());
        message
    }

    /// What was asked for and is not on the cassette.
    pub(super) fn unknown_calls(&self) -> Vec<String> {
        self.lock().unknown.clone()
    }

    /// How many recorded calls were not played.
    pub(super) fn left(&self) -> usize {
        self.lock().used.iter().filter(|used| !**used).count()
    }

    /// Writes what was recorded.
    ///
    /// # Errors
    /// Why it was not written, in words.
    pub(super) fn save(&self) -> Result<(), String> {
        let state = self.lock();
        if !state.changed {
            return Ok(());
        }
        let file = File { version: VERSION, calls: state.calls.clone() };
        let written = serde_json::to_string_pretty(&file).map_err(std::io::Error::other);
        let written = written.and_then(|text| std::fs::write(&self.0.cassette.path, text + "\n"));
        written.map_err(|error| self.0.cassette.says(&format!("cannot be written: {error}")))
    }
}

impl Cassette {
    fn says(&self, what: &str) -> String {
        format!("the cassette {} {what}", self.path.display())
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Recorded>, String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if file.version == VERSION {
        Ok(file.calls)
    } else {
        Err(format!("has the version {}; this version reads {VERSION}", file.version))
    }
}

fn told(difference: &Difference) -> String {
    let Difference { field, before, after } = difference;
    let field = if field.is_empty() { "the whole request" } else { field };
    format!("`{field}`: recorded {before}, asked now {after}")
}

impl Failed {
    fn by_tool(error: &ToolError) -> Self {
        Self {
            code: error.code,
            message: error.message.clone(),
            retryable: error.retryable,
            unknown: error.started == Started::Unknown,
            retry_after_ms: error.retry_after.map(millis),
        }
    }

    fn by_model(error: &LlmError) -> Self {
        let retry_after_ms = match error.kind {
            LlmErrorKind::Transient { retry_after } => retry_after.map(millis),
            LlmErrorKind::ContextTooLong
            | LlmErrorKind::Auth
            | LlmErrorKind::Quota
            | LlmErrorKind::Refused
            | LlmErrorKind::InvalidRequest
            | LlmErrorKind::Truncated
            | LlmErrorKind::Cancelled => None,
        };
        Self {
            code: error.code(),
            message: error.message.clone(),
            retryable: error.is_retryable(),
            unknown: false,
            retry_after_ms,
        }
    }

    fn of_tool(self) -> ToolError {
        ToolError {
            code: self.code,
            message: self.message,
            started: if self.unknown { Started::Unknown } else { Started::NotStarted },
            retryable: self.retryable,
            retry_after: self.retry_after_ms.map(Duration::from_millis),
        }
    }

    fn of_model(self) -> LlmError {
        let kinds = [
            LlmErrorKind::ContextTooLong,
            LlmErrorKind::Transient { retry_after: self.retry_after_ms.map(Duration::from_millis) },
            LlmErrorKind::Auth,
            LlmErrorKind::Quota,
            LlmErrorKind::Refused,
            LlmErrorKind::Truncated,
        ];
        let known = kinds.into_iter().map(|kind| LlmError::new(kind, self.message.as_str()));
        let known = known.into_iter().find(|error| error.code() == self.code);
        known.unwrap_or_else(|| LlmError::new(LlmErrorKind::InvalidRequest, self.message))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
