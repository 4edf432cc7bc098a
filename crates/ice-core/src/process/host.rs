//! The port for running programs, and what is to be run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::{GivenSecret, Grants, Home, Limits, Policy, Report, Verdict};

/// What kind of program it is, which decides what it is given of the system to run at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// A program and its libraries.
    #[default]
    Binary,
    /// A shell and the tools of the system.
    Shell,
    /// Python.
    Python,
    /// Node.js.
    Node,
    /// A Java virtual machine.
    Jvm,
}

/// Where tools that touch files or the network do their work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In a process of their own, in a cage.
    #[default]
    Process,
    /// Inside of the engine's process: nothing but their own care holds them to their grants.
    InProcess,
}

/// What is to be run, and what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// On whose behalf, for logs and metrics: the name of a tool or of a kind of node.
    pub label: String,
    /// The program, by its path or by a name that is looked up.
    pub program: OsString,
    /// Its arguments. Secrets do not belong here.
    pub arguments: Vec<OsString>,
    /// What kind of program it is.
    pub profile: Profile,
    /// The variables of its environment.
    pub environment: BTreeMap<String, String>,
    /// The secrets it is given, by their names. They are asked for as it is started.
    pub secrets: BTreeMap<String, GivenSecret>,
    /// The files and hosts it may touch. A host that is a pattern cannot be granted. Secrets of a run are not among them: a
    /// program has its own.
    pub grants: Grants,
    /// Absolute paths of files and folders that it may read and run.
    pub execute: Vec<PathBuf>,
    /// How much it may use.
    pub limits: Limits,
    /// The layers of protection that are done without where they cannot be had.
    pub waive: Vec<String>,
}

impl Job {
    /// What a report keeps of it.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            program: self.program.to_string_lossy().into_owned(),
            grants: self.grants.clone(),
            execute: self.execute.clone(),
            environment: self.environment.keys().cloned().collect(),
            secrets: self.secrets.clone(),
            limits: self.limits,
            waive: self.waive.clone(),
        }
    }
}

/// A program that goes on ([`ProcessHost::start`]). Dropping it ends everything that it has started.
#[async_trait]
pub trait RunningProcess: Send + fmt::Debug {
    /// Its standard input and its standard output; nothing the second time. Dropping the first is the end of its input. What is
    /// not read of the second is held back: the program waits then. Its secrets are masked in what it writes.
    fn streams(&mut self) -> Option<Streams>;

    /// Has everything that it has started ended. [`wait`](Self::wait) still tells how.
    fn kill(&mut self);

    /// Waits until everything that it has started has ended. Cancel-safe; to be asked again it gives the same.
    async fn wait(&mut self) -> Report;
}

/// The streams of a program that goes on.
pub struct Streams {
    /// Its standard input.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// Runs programs so that they touch nothing but what they were granted.
#[async_trait]
pub trait ProcessHost: Send + Sync + fmt::Debug {
    /// Runs a job to its end: gives it `input` on its standard input and hands on what it writes to standard output.
    /// Everything it started has ended when this returns. What it wrote to standard error is in the report. Its secrets are
    /// masked in both.
    ///
    /// Dropping the future ends the job; what it had done by then is not known.
    async fn run(
        &self,
        job: &Job,
        input: Bytes,
        stdout: &mut (dyn AsyncWrite + Send + Unpin),
        cancel: &CancellationToken,
    ) -> Report;

    /// Starts a job that goes on until somebody ends it, or it ends by itself: it is talked with. Of its limits those of time
    /// on the clock, of time without output and of output do not hold: whoever talks with it knows what a message is, and how
    /// long one may take. A home may end it after a week all the same.
    ///
    /// When `cancel` fires, everything that it has started is ended. Dropping the future before there is a process ends the job.
    ///
    /// # Errors
    /// The report of a job that was not started. What a host does not offer is one, and this is the default.
    async fn start(
        &self,
        job: &Job,
        cancel: &CancellationToken,
    ) -> Result<Box<dyn RunningProcess>, Box<Report>> {
        let _ = cancel;
        let what = format!("what runs programs here starts none that go on, as `{}` would", job.label);
        let verdict =
            Verdict::SetupFailed { stage: "starting a program that goes on".to_owned(), what, hint: None };
        Err(Box::new(Report::new(Home::Process, verdict)))
    }

    /// What it lets any job use at most, whatever the job says.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// The names of the layers of protection that it knows, which a job may waive.
    fn layers(&self) -> Vec<&'static str>;
}
