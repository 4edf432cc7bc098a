//! What can go wrong with a store, cut by what the caller can do about it.

use std::sync::Arc;

use super::{Durability, Expect, Key, Loss, Version};
use crate::error::ErrorCode;
use crate::seal::KeyError;

/// A failure of the store itself.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or opened. Opening again later may help.
    #[error("the store is not available: {what}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// The cause, if the system named one.
        #[source]
        source: Option<Arc<std::io::Error>>,
    },
    /// Another process owns the data folder.
    #[error("the data folder {folder} is owned by another process{}", owner.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Locked {
        /// The folder.
        folder: String,
        /// The owner's process id, if known.
        owner: Option<u32>,
    },
    /// The disk has no room left. The store is poisoned until it is opened again.
    #[error("the disk is full: {what}")]
    Full {
        /// What was being written.
        what: String,
    },
    /// An earlier write or sync failed; nothing is accepted until the store is opened again.
    #[error("the store is poisoned by an earlier failure ({cause}); open it again")]
    Poisoned {
        /// The failure that poisoned it.
        cause: String,
    },
    /// Stored data is damaged. Says what and where; never repaired silently.
    #[error("stored data is damaged: {what}")]
    Corrupt {
        /// What is damaged, with its place.
        what: String,
    },
    /// Commits that were acknowledged are lost or damaged: the disk did not keep its promise. Opening with
    /// the loss accepted goes on without them.
    #[error("{0}; opening with the loss accepted goes on without them")]
    Lost(Loss),
    /// The folder was written in a format that this version cannot read.
    #[error("the FORMAT of the data folder {found}; this version reads {supported:?}")]
    Format {
        /// What is to be said of the file `FORMAT`, for example `says "ice-store 2"` or `is empty`.
        found: String,
        /// The format that can be read.
        supported: String,
    },
    /// A key, value or batch exceeds its limit.
    #[error("{what} has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The store cannot keep the requested durability.
    #[error("durability {wanted} was asked for, this store offers at most {offered}")]
    Durability {
        /// What was asked for.
        wanted: Durability,
        /// The best on offer.
        offered: Durability,
    },
    /// A blob that something names is not there.
    #[error("the blob {hash} is not in the store")]
    BlobMissing {
        /// Its hash, 64 hex digits.
        hash: String,
    },
    /// The store is sealed, and the key is not to be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl StoreError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable { .. } => ErrorCode::StoreUnavailable,
            Self::Locked { .. } => ErrorCode::StoreLocked,
            Self::Full { .. } => ErrorCode::StoreFull,
            Self::Poisoned { .. } => ErrorCode::StorePoisoned,
            Self::Corrupt { .. } | Self::Lost(_) => ErrorCode::StoreCorrupt,
            Self::Format { .. } => ErrorCode::StoreFormat,
            Self::TooLarge { .. } => ErrorCode::StoreTooLarge,
            Self::Durability { .. } => ErrorCode::DurabilityUnavailable,
            Self::BlobMissing { .. } => ErrorCode::BlobMissing,
            Self::Key(error) => error.code(),
        }
    }
}

/// Why a batch was not applied.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// An expectation did not hold: somebody else was first. Nothing was applied.
    #[error("the key {key} was expected to be {expected:?}, but has {found:?}")]
    Conflict {
        /// The key.
        key: Key,
        /// What was expected.
        expected: Expect,
        /// The version found; absent if the key has no value.
        found: Option<Version>,
    },
    /// The store failed. Whether the batch was applied is known after the store was opened again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommitError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Conflict { .. } => ErrorCode::StoreConflict,
            Self::Store(error) => error.code(),
        }
    }
}
