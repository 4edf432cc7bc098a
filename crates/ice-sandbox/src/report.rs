//! What came of a run.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::layer::Layer;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It ended with exit code 0.
    Ok,
    /// It ended with another exit code.
    ExitCode {
        /// The code.
        code: i32,
    },
    /// A signal ended it, which came from itself or from nobody known.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// It took longer than it may.
    WallTimeout,
    /// It wrote nothing for longer than it may.
    IdleTimeout,
    /// It used more CPU time than it may.
    CpuLimit,
    /// It used more memory than it may.
    MemoryLimit,
    /// It wanted more processes than it may have, and failed. Only where there are control groups; elsewhere it is told
    /// that it cannot have them, and ends as it likes.
    ProcessLimit,
    /// It wrote more output than it may.
    OutputLimit,
    /// It wrote a larger file than it may.
    FileSize,
    /// It made a system call that ends a process.
    Denied,
    /// It was cancelled.
    Cancelled,
    /// What watched over it was ended by somebody else while it ran, and it with that: what it had done is not known.
    Lost,
    /// The cage could not be made; the command did not run.
    SetupFailed {
        /// What failed.
        #[serde(flatten)]
        failure: SetupFailure,
    },
}

/// Where making a cage failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Finding or starting the launcher.
    Launcher,
    /// Handing the launcher what to do.
    Spec,
    /// Putting a layer on.
    Layer(Layer),
    /// Starting a process of the cage.
    Fork,
    /// Opening a granted path.
    Grant,
    /// Taking over the sockets of the ways out.
    Ways,
    /// Asking for a secret, or giving it to the command.
    Secret,
    /// Running the program.
    Exec,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Launcher => f.write_str("starting the launcher"),
            Self::Spec => f.write_str("handing over what to do"),
            Self::Layer(layer) => write!(f, "the layer {layer}"),
            Self::Fork => f.write_str("starting a process"),
            Self::Grant => f.write_str("opening a granted path"),
            Self::Ways => f.write_str("taking the ways out over"),
            Self::Secret => f.write_str("giving it a secret"),
            Self::Exec => f.write_str("running the program"),
        }
    }
}

/// Why a cage could not be made. The command did not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the cage could not be made: {stage}: {what}{}", .hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct SetupFailure {
    /// Where.
    pub stage: Stage,
    /// What failed, in words.
    pub what: String,
    /// The number of the system's error, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl SetupFailure {
    pub(crate) fn new(stage: Stage, what: impl Into<String>) -> Self {
        let hint = match stage {
            Stage::Layer(layer) => Some(layer.hint().to_owned()),
            Stage::Launcher
            | Stage::Spec
            | Stage::Fork
            | Stage::Grant
            | Stage::Ways
            | Stage::Secret
            | Stage::Exec => None,
        };
        Self { stage, what: what.into(), errno: None, hint }
    }

    pub(crate) fn io(stage: Stage, what: &str, error: &std::io::Error) -> Self {
        Self { errno: error.raw_os_error(), ..Self::new(stage, format!("{what}: {error}")) }
    }
}

/// A waived layer that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// The layer.
    pub layer: Layer,
    /// Why.
    pub why: String,
}

/// Where the figure of the most memory comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemorySource {
    /// The sum over the processes of the run, looked at every few milliseconds: a peak between two looks is missed.
    #[default]
    Polled,
    /// The largest single process, as the kernel counts.
    LargestProcess,
    /// The group of the run, as the kernel counts, with what it keeps of files.
    Group,
}

/// One of the streams of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// What it is given.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One of the ends of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where its bytes come from.
    Source,
    /// Where they are handed on to.
    Sink,
}

/// A stream that broke, so that not all of it was handed on. That a command does not read what it is given breaks nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The stream.
    pub stream: Stream,
    /// At which end it broke.
    pub side: Side,
    /// Why, in words.
    pub why: String,
    /// The number of the system's error, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
}

/// What was carried to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The endpoint, `host:port`.
    pub endpoint: String,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that were not: the host did not answer, or is at an address that is not public.
    pub refused: u64,
    /// Bytes to the host.
    pub sent: u64,
    /// Bytes from the host.
    pub received: u64,
    /// Of the connections, those that did not end by themselves: with the run, by an error, or since nobody took what was
    /// sent.
    #[serde(default)]
    pub cut: u64,
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// From the start of the launcher to the end of the last process.
    pub wall: Duration,
    /// CPU time in the programs, of all processes.
    pub cpu_user: Duration,
    /// CPU time in the kernel, of all processes, with what making the cage took.
    pub cpu_system: Duration,
    /// The most memory at a time, in bytes.
    pub peak_memory: u64,
    /// Where that comes from.
    pub memory_source: MemorySource,
    /// From the start of the launcher to the start of the program.
    pub setup: Duration,
}

/// What was written to one of the two outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its beginning.
    pub head: Vec<u8>,
    /// Its end, without what is in the head.
    pub tail: Vec<u8>,
    /// All bytes that were written.
    pub total: u64,
}

impl Output {
    /// The bytes between head and tail that were not kept.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.total.saturating_sub((self.head.len() + self.tail.len()) as u64)
    }

    /// As text, with a line that says what was left out.
    #[must_use]
    pub fn text(&self) -> String {
        let head = String::from_utf8_lossy(&self.head);
        let tail = String::from_utf8_lossy(&self.tail);
        match self.left_out() {
            0 => format!("{head}{tail}"),
            left_out => format!("{head}\n[... {left_out} bytes left out ...]\n{tail}"),
        }
    }
}

/// How a command ended whose output was not collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub verdict: Verdict,
    /// What it used.
    pub usage: Usage,
    /// The layers it ran in.
    pub layers: BTreeSet<Layer>,
    /// The waived layers that it ran without.
    pub not_enforced: Vec<Absent>,
    /// What was carried to each granted endpoint.
    pub traffic: Vec<Traffic>,
    /// The streams that broke.
    pub broken: Vec<Broken>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// How it ended.
    pub verdict: Verdict,
    /// What it used.
    pub usage: Usage,
    /// What it wrote to standard output.
    pub stdout: Output,
    /// What it wrote to standard error.
    pub stderr: Output,
    /// The layers it ran in.
    pub layers: BTreeSet<Layer>,
    /// The waived layers that it ran without.
    pub not_enforced: Vec<Absent>,
    /// The ABI of Landlock that it ran under, 0 for none.
    pub landlock_abi: i32,
    /// What was carried to each granted endpoint.
    pub traffic: Vec<Traffic>,
    /// The streams that broke.
    pub broken: Vec<Broken>,
}

impl RunReport {
    /// Of a command that did not run.
    pub(crate) fn not_run(error: SandboxError) -> Self {
        let verdict = match error {
            SandboxError::Cancelled => Verdict::Cancelled,
            SandboxError::Setup(failure) => Verdict::SetupFailed { failure },
            SandboxError::Policy(_) => {
                Verdict::SetupFailed { failure: SetupFailure::new(Stage::Spec, error.to_string()) }
            }
            SandboxError::NoLauncher { .. } => {
                Verdict::SetupFailed { failure: SetupFailure::new(Stage::Launcher, error.to_string()) }
            }
        };
        Self {
            verdict,
            usage: Usage::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            layers: BTreeSet::new(),
            not_enforced: Vec::new(),
            landlock_abi: 0,
            traffic: Vec::new(),
            broken: Vec::new(),
        }
    }
}

/// What this machine can enforce, found by making a cage and looking at it from within.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The layers that hold.
    pub layers: BTreeSet<Layer>,
    /// Those that do not, and why.
    pub missing: Vec<Absent>,
    /// The ABI of Landlock, 0 if there is none.
    pub landlock_abi: i32,
    /// Which launcher is used.
    pub launcher: String,
}
