//! The port for running programs, and what is to be run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;
use tokio_util::sync::CancellationToken;

use super::{GivenSecret, Grants, Limits, Policy, Report};

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

    /// What it lets any job use at most, whatever the job says.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// The names of the layers of protection that it knows, which a job may waive.
    fn layers(&self) -> Vec<&'static str>;
}
