//! How a model call fails, cut by what the caller can do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Usage;
use crate::error::ErrorCode;

/// What kind of failure it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LlmErrorKind {
    /// The conversation exceeds the model's context: shorten it.
    ContextTooLong,
    /// Busy, limited or unreachable: try again.
    Transient {
        /// How long to wait, if the provider said so.
        retry_after: Option<Duration>,
    },
    /// The credentials were refused.
    Auth,
    /// The quota is used up.
    Quota,
    /// The model refuses to answer.
    Refused,
    /// The request is malformed or the model unknown.
    InvalidRequest,
    /// The answer broke off.
    Truncated,
    /// The call was cancelled.
    Cancelled,
}

/// A failed model call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LlmError {
    /// What kind of failure it was.
    pub kind: LlmErrorKind,
    /// What went wrong, for people: no secrets, no prompts.
    pub message: String,
    /// Tokens spent nevertheless.
    pub usage: Usage,
    /// Whether another model may do better.
    pub another_model_helps: bool,
}

impl LlmError {
    /// A failure that spent nothing and that another model would share.
    #[must_use]
    pub fn new(kind: LlmErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), usage: Usage::default(), another_model_helps: false }
    }

    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self.kind {
            LlmErrorKind::ContextTooLong => ErrorCode::ContextTooLong,
            LlmErrorKind::Transient { .. } => ErrorCode::ModelTransient,
            LlmErrorKind::Auth => ErrorCode::ModelAuth,
            LlmErrorKind::Quota => ErrorCode::ModelQuota,
            LlmErrorKind::Refused => ErrorCode::ModelRefused,
            LlmErrorKind::InvalidRequest => ErrorCode::ModelFailed,
            LlmErrorKind::Truncated => ErrorCode::ModelTruncated,
            LlmErrorKind::Cancelled => ErrorCode::RunCancelled,
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self.kind {
            LlmErrorKind::Transient { .. } | LlmErrorKind::Truncated => true,
            LlmErrorKind::ContextTooLong
            | LlmErrorKind::Auth
            | LlmErrorKind::Quota
            | LlmErrorKind::Refused
            | LlmErrorKind::InvalidRequest
            | LlmErrorKind::Cancelled => false,
        }
    }
}
