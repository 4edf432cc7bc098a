//! A tool that is a command: one JSON value in, one out, in a cage.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::error::ErrorCode;
use ice_core::process::{GivenSecret, Grants, Home, HostGrant, Isolation, Job, Limits, Verdict};
use ice_core::tools::{Capability, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::{Value, json};

use super::failure::{self, tool_error};
use super::grants;
use super::host::{self, defaults};
use super::sink::Sink;
use super::{ToolManifest, answer};

/// What a tool may write to standard output unless its manifest says otherwise, in bytes.
const DEFAULT_OUTPUT_BYTES: u64 = 16 << 20;
/// Outputs that are larger are read on a thread that may block.
const QUICK_BYTES: usize = 256 << 10;

/// A tool that is the command of a [`ToolManifest`].
///
/// A call gives the command its input as one JSON value on standard input and takes one JSON value from standard output.
/// In its environment stand `ICE_RUN`, `ICE_NODE`, `ICE_ATTEMPT` and `ICE_IDEMPOTENCY_KEY`, and the secrets that its manifest
/// names, if the run was granted them. An exit code other than 0 is a
/// failure: the last line on standard error says why, or `{"error": {"message": "…", "retryable": true, "not_started":
/// false}}` on standard output.
#[derive(Clone, Debug)]
pub struct CommandTool {
    manifest: ToolManifest,
    spec: ToolSpec,
}

impl CommandTool {
    /// The tool of a manifest.
    #[must_use]
    pub fn new(manifest: ToolManifest) -> Self {
        let spec = manifest.spec();
        Self { manifest, spec }
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &ToolManifest {
        &self.manifest
    }

    /// Whether cages can be given what the manifest asks for.
    ///
    /// # Errors
    /// Why they cannot be, in words.
    pub fn check(&self) -> Result<(), String> {
        let ToolManifest { profile, environment, limits, .. } = &self.manifest;
        let (grants, execute) = self.grants(&Grants::default()).map_err(|error| error.message)?;
        let (environment, limits) = (environment.clone(), *limits);
        let job = Job { profile: *profile, environment, grants, execute, limits, ..Job::default() };
        host::policy(&job).map(drop)
    }

    /// What is to be run for a call.
    fn job(&self, ctx: &ToolContext, most: Limits) -> Result<Job, ToolError> {
        let ToolManifest { name, command, profile, environment, limits, .. } = &self.manifest;
        let mut words = command.iter().map(OsString::from);
        let (grants, execute) = self.grants(&ctx.grants)?;
        let mut environment = environment.clone();
        environment.extend(about(ctx));
        Ok(Job {
            label: name.clone(),
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
            profile: *profile,
            environment,
            secrets: self.secrets(&ctx.grants)?,
            grants,
            execute,
            limits: limits
                .within(most)
                .or(Limits { output_bytes: Some(DEFAULT_OUTPUT_BYTES), ..defaults(*profile) }),
            waive: Vec::new(),
        })
    }

    /// What the tool may touch: its own, and of the run's what its capabilities name.
    fn grants(&self, run: &Grants) -> Result<(Grants, Vec<PathBuf>), ToolError> {
        let (own, capabilities) = (&self.manifest.grants, &self.spec.capabilities);
        let pattern = run.hosts.iter().find(|host| host.host.starts_with("*."));
        if let Some(pattern) = pattern.filter(|_| capabilities.contains(&Capability::Network)) {
            return Err(self.pattern(pattern));
        }
        let of_run = grants::of_run(run, capabilities, Vec::new());
        let both = |own: &[PathBuf], of_run: Vec<PathBuf>| own.iter().cloned().chain(of_run).collect();
        let (read, write) = (both(&own.read, of_run.read), both(&own.write, of_run.write));
        let execute = distinct(own.execute.clone());
        let write = distinct(write);
        // Each path is granted once: what may be run or written may be read.
        let mut read = distinct(read);
        read.retain(|path| !write.contains(path) && !execute.contains(path));
        let hosts = distinct(own.hosts.iter().cloned().chain(of_run.hosts).collect());
        Ok((Grants { read, write, hosts, ..Grants::default() }, execute))
    }

    /// The secrets that the tool names, as the run was granted them.
    fn secrets(&self, run: &Grants) -> Result<BTreeMap<String, GivenSecret>, ToolError> {
        let given = self.manifest.secrets.iter().map(|(name, delivery)| match run.secrets.get(name) {
            Some(reference) => {
                Ok((name.clone(), GivenSecret { reference: reference.clone(), delivery: *delivery }))
            }
            None => {
                let message = format!(
                    "`{}` needs the secret `{name}`, which this run was not given: start it with \
                     `--secret {name}=env:VARIABLE` or `--secret {name}=file:PATH`",
                    self.spec.name
                );
                Err(ToolError::refused(ErrorCode::GrantMissing, message))
            }
        });
        given.collect()
    }

    fn pattern(&self, pattern: &HostGrant) -> ToolError {
        let message = format!(
            "`{}` runs in a cage, which cannot be given the pattern `{pattern}`: grant each host by its name",
            self.spec.name
        );
        ToolError::refused(ErrorCode::GrantMissing, message)
    }
}

/// The same without repetitions, in the same order.
fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// What a command is told about the call.
fn about(ctx: &ToolContext) -> BTreeMap<String, String> {
    [
        ("ICE_RUN", ctx.run.to_string()),
        ("ICE_NODE", ctx.path.to_string()),
        ("ICE_ATTEMPT", ctx.attempt.to_string()),
        ("ICE_IDEMPOTENCY_KEY", ctx.idempotency_key()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[async_trait]
impl Tool for CommandTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn home(&self, _: Isolation) -> Home {
        Home::Process
    }

    fn secrets(&self) -> Vec<&str> {
        self.manifest.secrets.keys().map(String::as_str).collect()
    }

    /// Runs the command to its end. Dropping the future ends it, and what it had done by then is not known.
    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let label = self.spec.name.as_str();
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        let Some(host) = &ctx.processes else {
            let message = format!("`{label}` is a command, and nothing here runs commands in cages");
            return Err(ToolError::refused(ErrorCode::SandboxSetup, message));
        };
        let job = self.job(ctx, host.limits())?;
        let mut document = Vec::new();
        json::write_value(&mut document, &input).map_err(|error| {
            let message = format!("the input of `{label}` has no JSON form: {error}");
            ToolError::refused(ErrorCode::ToolInputInvalid, message)
        })?;
        drop(input);
        // For commands that read a line.
        document.push(b'\n');
        let mut stdout = Sink::new(job.limits.output_bytes.unwrap_or(DEFAULT_OUTPUT_BYTES));
        let report = host.run(&job, Bytes::from(document), &mut stdout, &ctx.cancel).await;
        let output = stdout.whole();
        match (tool_error(label, &report, &job.limits), output) {
            (None, Some(output)) => read(label, output).await,
            (None, None) => Err(failure::output_limit(label, &job.limits)),
            (Some(error), output) => {
                let told = match report.verdict {
                    Verdict::ExitCode { .. } => output.and_then(|output| answer::error(label, &output)),
                    Verdict::Ok
                    | Verdict::Signal { .. }
                    | Verdict::Trap { .. }
                    | Verdict::WallTimeout
                    | Verdict::IdleTimeout
                    | Verdict::CpuLimit
                    | Verdict::MemoryLimit
                    | Verdict::ProcessLimit
                    | Verdict::OutputLimit
                    | Verdict::FileSize
                    | Verdict::Denied
                    | Verdict::Cancelled
                    | Verdict::Lost
                    | Verdict::SetupFailed { .. } => None,
                };
                Err(told.unwrap_or(error))
            }
        }
    }
}

/// Reads an output, away from the threads that must not block if it is large.
async fn read(label: &str, output: Vec<u8>) -> Result<Value, ToolError> {
    if output.len() <= QUICK_BYTES {
        return answer::value(label, &output);
    }
    let name = label.to_owned();
    let reading = tokio::task::spawn_blocking(move || answer::value(&name, &output));
    reading.await.unwrap_or_else(|error| {
        let message = format!("the output of `{label}` could not be read: {error}");
        Err(ToolError::failed(ErrorCode::ToolOutputInvalid, message))
    })
}

#[cfg(test)]
mod tests;
