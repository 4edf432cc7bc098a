//! How a tool fails.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;

/// Whether a failed call may have touched the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Started {
    /// Nothing happened: the call may be repeated, whatever its effect.
    NotStarted,
    /// It cannot be told whether something happened.
    Unknown,
}

/// A failed call of a tool. The message is for people: no secrets, no payloads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ToolError {
    /// The code.
    pub code: ErrorCode,
    /// What went wrong, and what to do.
    pub message: String,
    /// Whether anything may have happened.
    pub started: Started,
    /// Whether trying again may help.
    pub retryable: bool,
    /// How long to wait before trying again, if the other side said so.
    pub retry_after: Option<std::time::Duration>,
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ToolError {
    /// A failure before anything was done that would happen again: bad input, a missing grant.
    #[must_use]
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            started: Started::NotStarted,
            retryable: false,
            retry_after: None,
        }
    }

    /// A failure while the work was under way; it may have had an effect.
    #[must_use]
    pub fn failed(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), started: Started::Unknown, retryable: true, retry_after: None }
    }

    /// The call was cancelled.
    #[must_use]
    pub fn cancelled() -> Self {
        Self {
            code: ErrorCode::RunCancelled,
            message: "the call was cancelled".to_owned(),
            started: Started::Unknown,
            retryable: false,
            retry_after: None,
        }
    }

    /// States that nothing happened.
    #[must_use]
    pub const fn not_started(mut self) -> Self {
        self.started = Started::NotStarted;
        self
    }

    /// States whether trying again may help.
    #[must_use]
    pub const fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// States how long to wait before trying again.
    #[must_use]
    pub const fn retry_after(mut self, wait: std::time::Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}
