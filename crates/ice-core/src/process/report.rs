//! What came of an execution: one shape for all homes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denial, DenialKind, GivenSecret, Grants, Limits};

/// Where an execution took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Home {
    /// Inside of the engine's process.
    InProcess,
    /// In a process of its own, in a cage.
    Process,
    /// In a WebAssembly sandbox.
    Wasm,
    /// In an MCP server, wherever that runs.
    Mcp,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It ended well.
    Ok,
    /// It ended with an exit code other than 0.
    ExitCode {
        /// The code.
        code: i32,
    },
    /// A signal ended it, which came from itself or from nobody known.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// WebAssembly trapped.
    Trap {
        /// Which trap, for example `unreachable`.
        kind: String,
    },
    /// It took longer than it may.
    WallTimeout,
    /// It wrote nothing for longer than it may.
    IdleTimeout,
    /// It used more CPU time, or fuel, than it may.
    CpuLimit,
    /// It used more memory than it may.
    MemoryLimit,
    /// It wanted more processes than it may have, and failed.
    ProcessLimit,
    /// It wrote more output than it may.
    OutputLimit,
    /// It wrote a larger file than it may.
    FileSize,
    /// It made a system call that ends a process.
    Denied,
    /// It was cancelled.
    Cancelled,
    /// What watched over it was ended by somebody else: what it had done is not known.
    Lost,
    /// It could not be started: nothing ran.
    SetupFailed {
        /// What failed, for example `layer landlock`.
        stage: String,
        /// Why, in words.
        what: String,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

impl Verdict {
    /// The name on the wire and in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ExitCode { .. } => "exit_code",
            Self::Signal { .. } => "signal",
            Self::Trap { .. } => "trap",
            Self::WallTimeout => "wall_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::CpuLimit => "cpu_limit",
            Self::MemoryLimit => "memory_limit",
            Self::ProcessLimit => "process_limit",
            Self::OutputLimit => "output_limit",
            Self::FileSize => "file_size",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::SetupFailed { .. } => "setup_failed",
        }
    }

    /// The limit that ended it, if one did.
    #[must_use]
    pub const fn limit(&self) -> Option<&'static str> {
        match self {
            Self::WallTimeout => Some("wall"),
            Self::IdleTimeout => Some("idle"),
            Self::CpuLimit => Some("cpu"),
            Self::MemoryLimit => Some("memory"),
            Self::ProcessLimit => Some("processes"),
            Self::OutputLimit => Some("output"),
            Self::FileSize => Some("file_size"),
            Self::Ok
            | Self::ExitCode { .. }
            | Self::Signal { .. }
            | Self::Trap { .. }
            | Self::Denied
            | Self::Cancelled
            | Self::Lost
            | Self::SetupFailed { .. } => None,
        }
    }
}

/// What an execution used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Time on the clock, in microseconds, with what starting it took.
    pub wall_us: u64,
    /// Of that, what starting it took, in microseconds.
    pub setup_us: u64,
    /// CPU time in programs, in microseconds.
    pub cpu_user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub cpu_system_us: u64,
    /// The most memory at a time, in bytes.
    pub peak_memory_bytes: u64,
    /// Fuel used, of WebAssembly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Bytes written to standard output.
    pub stdout_bytes: u64,
    /// Bytes written to standard error.
    pub stderr_bytes: u64,
}

/// A protection that an execution did without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unenforced {
    /// Its name, for example `landlock`.
    pub layer: String,
    /// Why.
    pub why: String,
}

/// What was carried to one granted endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// The endpoint, `host:port`.
    pub endpoint: String,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that were not: the host did not answer, or is at an address that is not allowed.
    pub refused: u64,
    /// Connections that were cut off, as the execution was ended.
    #[serde(default)]
    pub cut: u64,
    /// Bytes to the host.
    pub sent: u64,
    /// Bytes from the host.
    pub received: u64,
}

/// What came of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Where it took place.
    pub home: Home,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What it used.
    #[serde(default)]
    pub usage: Usage,
    /// Where the figure of its memory comes from: `group`, `polled`, `largest_process`, `linear_memory`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub memory_source: String,
    /// What it wrote to standard error: its beginning and its end, with a line that says what was left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// The protections it ran in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// The protections it ran without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_enforced: Vec<Unenforced>,
    /// What was carried to each granted endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<Traffic>,
    /// What was run, and what it was allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Policy>>,
}

/// What was run, and what it was allowed. Variables of its environment by their names alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Policy {
    /// The program.
    pub program: String,
    /// The files and hosts it might touch.
    pub grants: Grants,
    /// Paths that it might run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub execute: Vec<PathBuf>,
    /// The names of the variables it was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// The secrets it was given, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, GivenSecret>,
    /// How much it might use.
    pub limits: Limits,
    /// The layers that might be missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waive: Vec<String>,
}

impl Report {
    /// A report that says no more than how an execution ended.
    #[must_use]
    pub const fn new(home: Home, verdict: Verdict) -> Self {
        Self {
            home,
            verdict,
            usage: Usage {
                wall_us: 0,
                setup_us: 0,
                cpu_user_us: 0,
                cpu_system_us: 0,
                peak_memory_bytes: 0,
                fuel: None,
                stdout_bytes: 0,
                stderr_bytes: 0,
            },
            memory_source: String::new(),
            stderr: String::new(),
            layers: Vec::new(),
            not_enforced: Vec::new(),
            traffic: Vec::new(),
            policy: None,
        }
    }

    /// What it wanted and was not given.
    #[must_use]
    pub fn denials(&self) -> Vec<Denial> {
        let ended = match (&self.verdict, self.verdict.limit()) {
            (_, Some(limit)) => Some(Denial::new(DenialKind::Limit, limit)),
            (Verdict::Denied, None) => Some(Denial::new(DenialKind::SystemCall, "a forbidden system call")),
            (_, None) => None,
        };
        let refused = self.traffic.iter().filter(|traffic| traffic.refused > 0);
        ended
            .into_iter()
            .chain(refused.map(|traffic| Denial::new(DenialKind::Network, &traffic.endpoint)))
            .collect()
    }
}
