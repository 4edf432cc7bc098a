//! A failure as a value: what a record says of an attempt that did not succeed.

use std::fmt;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::llm::{LlmError, LlmErrorKind, Usage};
use ice_core::path::NodePath;
use ice_core::tools::{Started, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an attempt, a node or a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The code.
    #[schemars(with = "String")]
    pub code: ErrorCode,
    /// What went wrong and what to do, without secrets and payloads.
    pub message: String,
    /// Whether trying again may help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// Whether the world may have been touched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown_outcome: bool,
    /// How long the other side asked to wait before trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Tokens spent nevertheless.
    #[serde(default, skip_serializing_if = "is_free")]
    pub usage: Usage,
}

fn is_free(usage: &Usage) -> bool {
    *usage == Usage::default()
}

impl Failure {
    /// A failure that would happen again.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: false,
            unknown_outcome: false,
            retry_after_ms: None,
            usage: Usage::default(),
        }
    }

    /// A failure that may pass, with an unknown outcome.
    #[must_use]
    pub fn passing(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { retryable: true, unknown_outcome: true, ..Self::new(code, message) }
    }

    /// The failure of a node in doubt that is not to be repeated.
    pub(crate) fn given_up() -> Self {
        let message = "it is not known whether the effect of this node happened, and it was decided not to \
                       repeat it";
        Self { unknown_outcome: true, ..Self::new(ErrorCode::RunInDoubt, message) }
    }

    /// The wait the other side asked for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

fn millis(wait: Option<Duration>) -> Option<u64> {
    wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            retryable: error.retryable,
            unknown_outcome: match error.started {
                Started::NotStarted => false,
                Started::Unknown => true,
            },
            retry_after_ms: millis(error.retry_after),
            usage: Usage::default(),
        }
    }
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        let wait =
            if let LlmErrorKind::Transient { retry_after } = &error.kind { *retry_after } else { None };
        Self {
            code: error.code(),
            retryable: error.is_retryable(),
            unknown_outcome: false,
            retry_after_ms: millis(wait),
            usage: error.usage,
            message: error.message,
        }
    }
}

/// A node that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeFailure {
    /// The node.
    pub node: NodePath,
    /// Why.
    #[serde(flatten)]
    pub failure: Failure,
}
