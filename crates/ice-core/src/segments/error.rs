//! What can go wrong with an index, cut by what the caller can do about it.

use super::{Damage, InvalidPlace};
use crate::error::ErrorCode;
use crate::store::{CommitError, StoreError};

/// Why an index did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SegmentError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place is none.
    #[error(transparent)]
    Place(#[from] InvalidPlace),
    /// What is stored is not what an index writes.
    #[error(
        "the index cannot be read, {place} is damaged: it lacks {damage}; restore it, or remove it and index again"
    )]
    Damaged {
        /// Which key or blob.
        place: String,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
    /// The index was made with other settings.
    #[error(
        "the index was made with {found}, and {wanted} is wanted: open it as it was made, or make another"
    )]
    Settings {
        /// Its settings.
        found: String,
        /// Those that were asked for.
        wanted: String,
    },
    /// Others change the index all the time; nothing was done.
    #[error("others changed the index {attempts} times meanwhile: try again later")]
    Busy {
        /// How many times it was tried.
        attempts: u32,
    },
    /// The work was cut short, as the process ends or its caller went away.
    #[error("work on the index was cut short: try again")]
    CutShort,
}

impl SegmentError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Store(error) => error.code(),
            Self::Place(_) => ErrorCode::StoreFormat,
            Self::Damaged { .. } => ErrorCode::StoreCorrupt,
            Self::Settings { .. } => ErrorCode::StoreFormat,
            Self::Busy { .. } => ErrorCode::StoreConflict,
            Self::CutShort => ErrorCode::StoreUnavailable,
        }
    }
}

/// A commit failed; conflicts are told apart before.
pub(super) fn failed(error: CommitError) -> SegmentError {
    match error {
        CommitError::Store(error) => SegmentError::Store(error),
        CommitError::Conflict { .. } => SegmentError::Busy { attempts: 1 },
    }
}

impl From<SegmentError> for StoreError {
    /// For those who keep more than indexes: what is no failure of the store is damage of what it holds.
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Store(error) => error,
            error @ (SegmentError::Place(_)
            | SegmentError::Damaged { .. }
            | SegmentError::Settings { .. }
            | SegmentError::Busy { .. }
            | SegmentError::CutShort) => Self::Corrupt { what: error.to_string() },
        }
    }
}
