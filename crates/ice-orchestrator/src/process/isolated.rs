//! Tools that do their work in a process of their own, in a cage: the same Rust type, called by a guest.

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, io};

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::error::ErrorCode;
use ice_core::process::{Home, HostGrant, Isolation, Job, Limits, Report, Verdict};
use ice_core::tools::{Effect, ProgressSink, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use tokio::io::AsyncWrite;

use super::call::{Answer, Call, Fault, PROTOCOL, Surroundings};
use super::failure::tool_error;
use super::grants;

/// The argument that makes a program the guest of a cage.
pub(super) const GUEST: &str = "ice-tool-guest";

/// How much a tool in a process of its own may use, where the run says nothing.
const LIMITS: Limits = Limits {
    wall_ms: Some(15 * 60_000),
    idle_ms: None,
    cpu_ms: Some(5 * 60_000),
    memory_bytes: Some(1 << 30),
    processes: Some(64),
    open_files: Some(256),
    file_bytes: Some(1 << 30),
    workspace_bytes: Some(64 << 20),
    output_bytes: Some(256 << 20),
    fuel: None,
};

/// A tool whose calls are carried out in a cage, by the running program itself, which calls [`super::init`] first of all.
/// With [`Isolation::InProcess`] it works as it does by itself.
pub struct IsolatedTool {
    inner: Arc<dyn Tool>,
    program: PathBuf,
}

impl IsolatedTool {
    /// The tool, carried out by this program: its absolute path.
    #[must_use]
    pub fn new(inner: Arc<dyn Tool>, program: impl Into<PathBuf>) -> Self {
        Self { inner, program: program.into() }
    }

    fn job(&self, ctx: &ToolContext, input: &Value, most: Limits) -> Job {
        let grants = grants::of_run(&ctx.grants, &self.spec().capabilities, self.inner.hosts(input));
        Job {
            label: self.spec().name.clone(),
            program: self.program.clone().into_os_string(),
            arguments: vec![OsString::from(GUEST)],
            grants,
            execute: vec![self.program.clone()],
            limits: most.or(LIMITS),
            ..Job::default()
        }
    }
}

impl fmt::Debug for IsolatedTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsolatedTool").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for IsolatedTool {
    fn spec(&self) -> &ToolSpec {
        self.inner.spec()
    }

    fn effect(&self, input: &Value) -> Effect {
        self.inner.effect(input)
    }

    fn home(&self, isolation: Isolation) -> Home {
        match isolation {
            Isolation::Process => Home::Process,
            Isolation::InProcess => self.inner.home(isolation),
        }
    }

    fn hosts(&self, input: &Value) -> Vec<HostGrant> {
        self.inner.hosts(input)
    }

    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let name = &self.spec().name;
        match ctx.isolation {
            Isolation::InProcess => return self.inner.call(ctx, input).await,
            Isolation::Process => {}
        }
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        let Some(host) = &ctx.processes else {
            let message = format!(
                "the tool `{name}` works in a process of its own, and this engine runs none: build it with a host of \
                 processes, or start the run with isolation `in_process`"
            );
            return Err(ToolError::refused(ErrorCode::SandboxSetup, message));
        };
        let job = self.job(ctx, &input, host.limits());
        let call = Call {
            protocol: PROTOCOL,
            tool: name.clone(),
            surroundings: Surroundings::of(ctx, &job.grants),
            input,
        };
        let document = serde_json::to_vec(&call).map_err(|error| {
            let message = format!("the input of tool `{name}` has no JSON form: {error}");
            ToolError::refused(ErrorCode::ToolInputInvalid, message)
        })?;
        let mut answers = Answers { progress: ctx.progress.clone(), line: Vec::new(), answer: None };
        let report = host.run(&job, Bytes::from(document), &mut answers, &ctx.cancel).await;
        self.outcome(&report, &job.limits, answers.answer)
    }
}

impl IsolatedTool {
    fn outcome(&self, report: &Report, limits: &Limits, answer: Option<Answer>) -> Result<Value, ToolError> {
        let name = &self.spec().name;
        let ended = tool_error(name, report, limits);
        match (answer, ended) {
            (Some(Answer::Output(value)), None) => Ok(value),
            // What it answered in full before it was asked to end has happened.
            (Some(Answer::Output(value)), Some(_)) if report.verdict == Verdict::Cancelled => Ok(value),
            // A guest that cannot do its work says so and ends with exit code 0, or is ended for what it did then.
            (Some(Answer::Error(fault)), _) => Err(fault.into()),
            (Some(Answer::Output(_) | Answer::Progress(_)) | None, Some(error)) => Err(error),
            (Some(Answer::Progress(_)) | None, None) => {
                let message = format!("the process of the tool `{name}` ended without an answer");
                Err(ToolError::failed(ErrorCode::ToolFailed, message))
            }
        }
    }
}

impl From<Fault> for ToolError {
    fn from(fault: Fault) -> Self {
        let Fault { code, message, started, retryable, retry_after_ms } = fault;
        let retry_after = retry_after_ms.map(std::time::Duration::from_millis);
        Self { code, message, started, retryable, retry_after }
    }
}

/// Takes the lines a guest writes: progress is handed on, the answer is kept. What a line may hold is bounded by the limit
/// of the output.
struct Answers {
    progress: Option<Arc<dyn ProgressSink>>,
    line: Vec<u8>,
    answer: Option<Answer>,
}

impl Answers {
    fn take(&mut self) {
        let line = std::mem::take(&mut self.line);
        match serde_json::from_slice(&line) {
            Ok(Answer::Progress(progress)) => {
                if let Some(sink) = &self.progress {
                    sink.report(progress);
                }
            }
            Ok(answer) => self.answer = Some(answer),
            Err(error) => tracing::warn!(%error, "a guest wrote what is no answer"),
        }
    }
}

impl AsyncWrite for Answers {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = lines.next() {
            self.line.extend_from_slice(part);
            if lines.peek().is_some() {
                self.take();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
