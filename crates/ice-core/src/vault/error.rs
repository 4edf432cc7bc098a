//! Why data that is sealed, or is to be, cannot be opened.

use crate::error::ErrorCode;
use crate::seal::{KeyError, KeyId, NoRandomness, OpenError};
use crate::store::{CommitError, StoreError};

/// Why data cannot be opened as it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SealError {
    /// A key was given, and there is data in clear.
    #[error(
        "the data is in clear, and a key was given: open it without, or export it and import it into a store of its own that is \
         sealed"
    )]
    InClear,
    /// No key was given, and the data is sealed.
    #[error("the data is sealed under the key {wanted}, and no key was given: give that one")]
    Sealed {
        /// The key it is sealed under.
        wanted: KeyId,
    },
    /// Another key was given.
    #[error("the data is sealed under the key {wanted}, not under {given}: give that one")]
    OtherKey {
        /// The key it is sealed under.
        wanted: KeyId,
        /// The key that was given.
        given: KeyId,
    },
    /// The master key is being changed, which was not finished.
    #[error("the master key is being changed from {from} to {to}: finish that first, with both keys")]
    Rotating {
        /// The key it was sealed under before.
        from: KeyId,
        /// The key it is going to be sealed under.
        to: KeyId,
    },
    /// What says under which key it is sealed cannot be read.
    #[error("what says under which key the data is sealed cannot be read: {0}")]
    Broken(OpenError),
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others changed it at the same time: try again.
    #[error("others changed the same data at the same time: {0}")]
    Contended(CommitError),
}

impl SealError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InClear | Self::Sealed { .. } | Self::OtherKey { .. } | Self::Rotating { .. } => {
                ErrorCode::SealMismatch
            }
            Self::Broken(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Contended(error) => error.code(),
        }
    }
}

impl From<NoRandomness> for SealError {
    fn from(error: NoRandomness) -> Self {
        Self::Key(error.into())
    }
}

impl From<CommitError> for SealError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => Self::Store(error),
            conflict @ CommitError::Conflict { .. } => Self::Contended(conflict),
        }
    }
}
