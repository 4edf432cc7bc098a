//! What can go wrong with vectors, cut by what the caller can do about it.

use crate::embedding::InvalidEmbedding;
use crate::error::ErrorCode;
use crate::segments::{FilterTooDeep, SegmentError};

/// Why a collection did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VectorError {
    /// A vector is not of the collection's space.
    #[error(transparent)]
    Mismatch(#[from] InvalidEmbedding),
    /// The collection holds vectors of another space.
    #[error(
        "the collection holds vectors of {found}, and {wanted} is wanted: embed with the model that it was made with, or make \
         another and embed all texts anew"
    )]
    OtherSpace {
        /// Its space.
        found: String,
        /// The one that was asked for.
        wanted: String,
    },
    /// More hits are wanted than one search gives.
    #[error("{wanted} hits are wanted, and one search gives 1 to {most}: ask for fewer, or filter")]
    TooMany {
        /// What was asked for.
        wanted: usize,
        /// The most.
        most: usize,
    },
    /// The filter is nested too deeply.
    #[error(transparent)]
    Filter(#[from] FilterTooDeep),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] SegmentError),
}

impl VectorError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Mismatch(error) => error.code(),
            Self::OtherSpace { .. } => ErrorCode::DimensionMismatch,
            Self::TooMany { .. } | Self::Filter(_) => ErrorCode::OutOfRange,
            Self::Index(error) => error.code(),
        }
    }
}
