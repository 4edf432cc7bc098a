//! How embedding fails, cut by what the caller can do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::InvalidEmbedding;
use crate::error::ErrorCode;
use crate::llm::Usage;

/// What kind of failure it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EmbedErrorKind {
    /// A text is longer than the model or the port takes: cut it into pieces.
    TextTooLong,
    /// Busy, limited or unreachable: try again.
    Transient {
        /// How long to wait, if the server said so.
        retry_after: Option<Duration>,
    },
    /// The credentials were refused.
    Auth,
    /// The quota is used up.
    Quota,
    /// The request is malformed or the model unknown.
    InvalidRequest,
    /// The vectors have another dimension than was stated.
    WrongDimension {
        /// The dimension that was stated.
        expected: usize,
        /// The dimension the vectors have.
        actual: usize,
    },
    /// The answer is not what it should be; it would be the same again.
    Malformed,
    /// The answer broke off.
    Truncated,
    /// The call was cancelled.
    Cancelled,
}

/// A call that gave no embeddings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EmbedError {
    /// What kind of failure it was.
    pub kind: EmbedErrorKind,
    /// What went wrong, for people: no secrets, no texts.
    pub message: String,
    /// Tokens spent nevertheless.
    pub usage: Usage,
}

impl EmbedError {
    /// A failure that spent nothing.
    #[must_use]
    pub fn new(kind: EmbedErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), usage: Usage::default() }
    }

    /// The failure of a call that was cancelled.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(EmbedErrorKind::Cancelled, "the call was cancelled")
    }

    /// The same, after this much was spent before.
    #[must_use]
    pub fn after(mut self, spent: Usage) -> Self {
        self.usage += spent;
        self
    }

    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self.kind {
            EmbedErrorKind::TextTooLong => ErrorCode::ContextTooLong,
            EmbedErrorKind::Transient { .. } => ErrorCode::ModelTransient,
            EmbedErrorKind::Auth => ErrorCode::ModelAuth,
            EmbedErrorKind::Quota => ErrorCode::ModelQuota,
            EmbedErrorKind::InvalidRequest | EmbedErrorKind::Malformed => ErrorCode::ModelFailed,
            EmbedErrorKind::WrongDimension { .. } => ErrorCode::DimensionMismatch,
            EmbedErrorKind::Truncated => ErrorCode::ModelTruncated,
            EmbedErrorKind::Cancelled => ErrorCode::RunCancelled,
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self.kind {
            EmbedErrorKind::Transient { .. } | EmbedErrorKind::Truncated => true,
            EmbedErrorKind::TextTooLong
            | EmbedErrorKind::Auth
            | EmbedErrorKind::Quota
            | EmbedErrorKind::InvalidRequest
            | EmbedErrorKind::WrongDimension { .. }
            | EmbedErrorKind::Malformed
            | EmbedErrorKind::Cancelled => false,
        }
    }
}

impl From<InvalidEmbedding> for EmbedError {
    fn from(invalid: InvalidEmbedding) -> Self {
        let kind = match &invalid {
            InvalidEmbedding::Length { expected, actual, .. } => {
                EmbedErrorKind::WrongDimension { expected: *expected, actual: *actual }
            }
            InvalidEmbedding::NotFinite { .. } => EmbedErrorKind::Malformed,
            InvalidEmbedding::OtherModel { .. } => EmbedErrorKind::InvalidRequest,
        };
        Self::new(kind, invalid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::{Dimension, Embedding};

    #[test]
    fn a_vector_of_another_length_is_told_with_both_lengths() {
        let invalid = Embedding::new("m", Dimension::new(2).unwrap(), vec![0.5]).unwrap_err();
        let error = EmbedError::from(invalid);
        assert_eq!(error.kind, EmbedErrorKind::WrongDimension { expected: 2, actual: 1 });
        assert_eq!((error.code(), error.is_retryable()), (ErrorCode::DimensionMismatch, false));
    }

    #[test]
    fn what_was_spent_before_a_failure_is_kept() {
        let spent = Usage { input: 7, ..Usage::default() };
        let error = EmbedError::cancelled().after(spent).after(spent);
        assert_eq!(error.usage.input, 14);
        assert_eq!((error.code(), error.is_retryable()), (ErrorCode::RunCancelled, false));
    }
}
