//! What can go wrong with a memory, cut by what the caller can do about it.

use super::{Kind, MemoryGuarantee, Scope};
use crate::error::ErrorCode;
use crate::id::RunId;
use crate::store::{CommitError, StoreError};

/// Why something was not remembered, recalled or forgotten.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MemoryError {
    /// What was given breaks a bound or cannot be read. Change it.
    #[error("{what} cannot be taken: {problem}")]
    Invalid {
        /// What was given, for example `the confidence of the fact`.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More is asked for than the memory can keep.
    #[error(
        "{kind} memory on the backend `{backend}` cannot keep the guarantee `{guarantee}`: {reason}; it offers {offered}. \
         Ask for one of these, or use another backend"
    )]
    Guarantee {
        /// What was asked for.
        guarantee: MemoryGuarantee,
        /// Of which kind of memory.
        kind: Kind,
        /// Where it is kept.
        backend: String,
        /// Why it cannot be kept.
        reason: String,
        /// What can be kept, as a list of names.
        offered: String,
    },
    /// A budget does not allow it. Forget something, or raise the budget.
    #[error(
        "the memory budget of {of} does not allow it: {needed} {what} are needed, and {left} of {limit} are left"
    )]
    Budget {
        /// Whose budget it is, for example `scope default`.
        of: String,
        /// What is limited: `entries`, `tokens`, `bytes` or `billionths of a dollar`.
        what: &'static str,
        /// How much the write takes.
        needed: u64,
        /// How much is left.
        left: u64,
        /// The limit.
        limit: u64,
    },
    /// Others changed the same again and again. Try again.
    #[error("others changed the same entries {attempts} times in a row; try again")]
    Conflict {
        /// How often it was tried.
        attempts: u32,
    },
    /// The writes of the run were taken back; it may write nothing more.
    #[error("what the run {run} remembered was taken back, so that it may remember nothing more")]
    TakenBack {
        /// The run.
        run: RunId,
    },
    /// There is no such entry.
    #[error("there is no {kind} entry `{key}` in the scope {scope}")]
    NotFound {
        /// The kind.
        kind: Kind,
        /// The scope.
        scope: Scope,
        /// The key or id.
        key: String,
    },
    /// The kind is switched off by the configuration.
    #[error("{0} memory is switched off: set `enable_{0}` in its configuration")]
    Disabled(Kind),
    /// The memory was closed.
    #[error("the memory is closed; open it again")]
    Closed,
    /// An index of contents could not do it.
    #[error("the index of memory failed: {message}")]
    Index {
        /// The code of the failure.
        code: ErrorCode,
        /// What went wrong.
        message: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MemoryError {
    pub(crate) fn invalid(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), problem: problem.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Store(StoreError::Corrupt { what: what.into() })
    }

    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } | Self::Disabled(_) => ErrorCode::MemoryInvalid,
            Self::Guarantee { .. } => ErrorCode::MemoryGuarantee,
            Self::Budget { .. } => ErrorCode::BudgetExceeded,
            Self::Conflict { .. } => ErrorCode::StoreConflict,
            Self::TakenBack { .. } => ErrorCode::RunState,
            Self::NotFound { .. } => ErrorCode::MemoryNotFound,
            Self::Closed => ErrorCode::StoreUnavailable,
            Self::Index { code, .. } => *code,
            Self::Store(error) => error.code(),
        }
    }

    /// A word for the metric of refused writes.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::Disabled(_) => "invalid",
            Self::Guarantee { .. } => "guarantee",
            Self::Budget { .. } => "budget",
            Self::Conflict { .. } => "conflict",
            Self::TakenBack { .. } => "taken_back",
            Self::NotFound { .. } => "not_found",
            Self::Closed | Self::Store(_) => "store",
            Self::Index { .. } => "index",
        }
    }
}

impl From<CommitError> for MemoryError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Conflict { attempts: 1 },
            CommitError::Store(error) => Self::Store(error),
        }
    }
}
