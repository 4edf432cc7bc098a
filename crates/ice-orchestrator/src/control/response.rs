//! What is answered.

use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::path::NodePath;
use ice_core::value::BlobHash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MemoryResponse;
use crate::engine::{Erased, Pruned, RunError, ScheduleDocument, SharedBudget};
use crate::events::Event;
use crate::journal::{RunDocument, RunStatus, RunSummary};
use crate::replay::{Difference, Divergence};

/// What is answered to a [`Request`](super::Request).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "response", rename_all = "snake_case")]
pub enum Response {
    /// Who is there.
    Info(Info),
    /// A run was started, or was there already under the same idempotency key.
    Started {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
    },
    /// Runs, the newest first.
    Runs {
        /// The runs.
        runs: Vec<RunSummary>,
    },
    /// A run.
    Run {
        /// All there is to know of it.
        document: Box<RunDocument>,
    },
    /// A journal was gone through again.
    Replayed {
        /// How many records were the same.
        records: u64,
        /// The first one that was not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        divergence: Option<Parting>,
    },
    /// Budgets that runs share.
    Budgets {
        /// By blueprint, that of the tenant last.
        budgets: Vec<SharedBudget>,
    },
    /// Schedules.
    Schedules {
        /// By network and entry.
        schedules: Vec<ScheduleDocument>,
    },
    /// A run was moved to another blueprint, or could be.
    Migrated {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// How many of its records come out the same.
        records: u64,
        /// The number of the record that says that it was moved; none if it is bound to this blueprint already, or was not
        /// to be moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<u64>,
    },
    /// A piece of the file of a run.
    Piece {
        /// At most 1 MiB, in base64.
        data: String,
    },
    /// A piece of a file or a blob has come, and nothing is wrong with it so far.
    Received {
        /// How many bytes of it have come.
        bytes: u64,
    },
    /// A blob is durable, and kept for runs that are to name it.
    Kept {
        /// The hash of its bytes.
        blob: BlobHash,
        /// How many it has.
        size: u64,
    },
    /// A run was brought here.
    Imported {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// Where it stands.
        status: RunStatus,
        /// Whether it was here before, just so.
        was_here: bool,
    },
    /// Runs were removed, or would be.
    Pruned(Pruned),
    /// A person was erased, or would be.
    Erased(Erased),
    /// Something about memory.
    Memory(MemoryResponse),
    /// What was asked for is durable and will be done.
    Accepted {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
    },
    /// One of several events.
    Event {
        /// The event.
        event: Event,
    },
    /// There are no further events.
    End,
    /// It could not be done.
    Refused(Refusal),
}

/// Where a replay parts from its journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parting {
    /// The number of the record.
    pub record: u64,
    /// The node it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodePath>,
    /// The field that differs, what it was and what it is now, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// All of it in a sentence.
    pub message: String,
}

impl From<Divergence> for Parting {
    fn from(divergence: Divergence) -> Self {
        let message = divergence.to_string();
        let difference = divergence.difference().cloned();
        Self { record: divergence.number, node: divergence.node, difference, message }
    }
}

/// Who owns a data folder, and what it is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Info {
    /// The owner's process id.
    pub pid: u32,
    /// The owner's version.
    pub version: String,
    /// What it is: `run` or `worker`.
    pub role: String,
    /// The key under which the folder is sealed, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// The runs it drives.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub active: Vec<RunId>,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The code.
    #[schemars(with = "String")]
    pub code: ErrorCode,
    /// What was wrong, where, and what to do.
    pub message: String,
    /// What is wrong with the documents, if that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostics>,
}

impl Refusal {
    /// A refusal without diagnostics.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), diagnostics: Vec::new() }
    }
}

impl From<RunError> for Refusal {
    fn from(error: RunError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
