//! The inside of a cage: the running program once more, which carries out one call of a tool and ends.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use ice_core::error::ErrorCode;
use ice_core::process::{Grants, HostGrant, Isolation};
use ice_core::time::SystemClock;
use ice_core::tools::{ProgressSink, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use tokio_util::sync::CancellationToken;

use super::call::{Answer, Call, Fault, PROTOCOL};
use super::isolated::GUEST;

/// Makes a program able to be what it needs beside itself: the launcher of cages, and the guest in one that carries out
/// a call of one of `tools` ([`super::IsolatedTool`]). Returns at once in a program that was started as itself, and never
/// if it was started to be one of those: call it as the first line of `main`, before there is any other thread.
#[expect(
    clippy::disallowed_methods,
    reason = "the program must not go on as itself, and its main is not ours to return from"
)]
pub fn init(tools: impl FnOnce() -> Vec<Arc<dyn Tool>>) {
    #[cfg(target_os = "linux")]
    ice_sandbox::init();
    if std::env::args_os().nth(1).is_some_and(|argument| argument == GUEST) {
        let is_done = serve(tools);
        std::process::exit(i32::from(!is_done));
    }
}

/// Carries out the call on standard input. What the tool itself prints goes to standard error.
fn serve(tools: impl FnOnce() -> Vec<Arc<dyn Tool>>) -> bool {
    let Ok(own) = std::io::stdout().as_fd().try_clone_to_owned() else { return false };
    if rustix::stdio::dup2_stdout(std::io::stderr()).is_err() {
        return false;
    }
    let lines = Arc::new(Lines(Mutex::new(File::from(own))));
    let answer = match answer(tools, &lines) {
        Ok(value) => Answer::Output(value),
        Err(error) => Answer::Error(error.into()),
    };
    lines.write(&answer)
}

fn answer(tools: impl FnOnce() -> Vec<Arc<dyn Tool>>, lines: &Arc<Lines>) -> Result<Value, ToolError> {
    let refused = |what: String| ToolError::refused(ErrorCode::SandboxSetup, what);
    let mut document = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut document);
    read.map_err(|error| refused(format!("the call of the tool cannot be read: {error}")))?;
    let call: Call = serde_json::from_slice(&document).map_err(|error| {
        refused(format!(
            "the call of the tool is not understood ({error}): the file of the running program was replaced by another \
             version, start it anew"
        ))
    })?;
    drop(document);
    if call.protocol != PROTOCOL {
        let found = call.protocol;
        return Err(refused(format!(
            "the running program speaks version {found} to its tools, its file {PROTOCOL}: it was replaced, start it anew"
        )));
    }
    let tool = tools().into_iter().find(|tool| tool.spec().name == call.tool);
    let tool = tool.ok_or_else(|| {
        let what =
            format!("the program has no tool `{}` inside of a cage: give it to `process::init`", call.tool);
        ToolError::refused(ErrorCode::UnknownTool, what)
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build();
    let runtime = runtime.map_err(|error| refused(format!("the tool cannot be run: {error}")))?;
    runtime.block_on(async {
        let surroundings = call.surroundings;
        if let Some(mask) = surroundings.umask {
            // The cage is stricter than who started the run, whose files these are.
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
        }
        let context = ToolContext {
            limits: surroundings.limits(),
            grants: Arc::new(inside(surroundings.grants).await),
            tenant: surroundings.tenant,
            run: surroundings.run,
            path: surroundings.path,
            attempt: surroundings.attempt,
            cancel: CancellationToken::new(),
            clock: Arc::new(SystemClock),
            processes: None,
            isolation: Isolation::InProcess,
            progress: Some(Arc::clone(lines) as Arc<dyn ProgressSink>),
            memory: None,
        };
        tool.call(&context, call.input).await
    })
}

/// The grants as they look from inside: a granted host is at an address of the cage, whatever its real one is, which is
/// looked at outside. So that address is granted as well.
async fn inside(mut grants: Grants) -> Grants {
    let mut addresses = Vec::new();
    for grant in &grants.hosts {
        if let Ok(found) = tokio::net::lookup_host((grant.host.as_str(), grant.port)).await {
            addresses.extend(found.map(|at| HostGrant { host: at.ip().to_string(), port: grant.port }));
        }
    }
    grants.hosts.extend(addresses);
    grants
}

/// The lines that the engine reads.
#[derive(Debug)]
struct Lines(Mutex<File>);

impl Lines {
    fn write(&self, answer: &Answer) -> bool {
        let Ok(mut line) = serde_json::to_vec(answer) else { return false };
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line).is_ok()
    }
}

impl ProgressSink for Lines {
    fn report(&self, progress: Value) {
        self.write(&Answer::Progress(progress));
    }
}

impl From<ToolError> for Fault {
    fn from(error: ToolError) -> Self {
        let ToolError { code, message, started, retryable, retry_after } = error;
        let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self { code, message, started, retryable, retry_after_ms }
    }
}
