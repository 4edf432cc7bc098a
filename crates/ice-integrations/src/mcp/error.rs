//! Why a server cannot be used, or a request came to nothing.

use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::plain;
use ice_core::quantity::write_millis;
use ice_core::tools::{Started, ToolError};

/// The most characters that are shown of what a server says.
const LONGEST: usize = 500;

/// Why a server cannot be used, or a request came to nothing. The message names the server, and says nothing of a secret or of
/// what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It could not be started or reached: nothing was asked of it. Trying again may help.
    #[error("the MCP server `{server}` cannot be reached: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// Why, and what to do.
        why: String,
    },
    /// What its manifest asks for cannot be had here: a cage, a secret. Trying again does not help.
    #[error("the MCP server `{server}` cannot be started: {why}")]
    Unavailable {
        /// The server.
        server: String,
        /// Why, and what to do.
        why: String,
    },
    /// It wants to know who asks, and was not told, or does not let them: nothing was done.
    #[error("the MCP server `{server}` does not let ice in: {why}")]
    Unauthorized {
        /// The server.
        server: String,
        /// Why, and what to do.
        why: String,
        /// What it said in the header `WWW-Authenticate`.
        challenge: Option<String>,
    },
    /// It has ended by itself too often: it is left alone for a while.
    #[error("the MCP server `{server}` has ended {times} times within {}: it is not started again before that has passed", write_millis(millis(*.window)))]
    WornOut {
        /// The server.
        server: String,
        /// How often.
        times: u64,
        /// Within how long.
        window: Duration,
    },
    /// What it offers cannot be used.
    #[error("what the MCP server `{server}` offers cannot be used: {why}")]
    Unusable {
        /// The server.
        server: String,
        /// Why, and what to do.
        why: String,
    },
    /// It refused the request as one that it does not know or that is not valid: it says that nothing was done.
    #[error("the MCP server `{server}` refused the request: {why}")]
    Refused {
        /// The server.
        server: String,
        /// Its own words.
        why: String,
        /// How long to wait before asking again; none if asking again does not help.
        again: Option<Duration>,
    },
    /// It could not carry the request out. What it had done by then is not known.
    #[error("the MCP server `{server}` failed: {why}")]
    Failed {
        /// The server.
        server: String,
        /// Its own words.
        why: String,
    },
    /// It ended, or was ended, while the request was under way. What it had done by then is not known.
    #[error("the MCP server `{server}` ended in the middle of the call: {why}")]
    Ended {
        /// The server.
        server: String,
        /// How.
        why: String,
    },
    /// It took longer than it may. What it had done by then is not known.
    #[error("the MCP server `{server}` {what} for longer than {}: raise `{field}` in its manifest if that is meant", write_millis(millis(*.most)))]
    Late {
        /// The server.
        server: String,
        /// What it did.
        what: &'static str,
        /// How long it may.
        most: Duration,
        /// The field of its manifest that says so.
        field: &'static str,
    },
    /// The call was cancelled.
    #[error("the call was cancelled")]
    Cancelled {
        /// Whether the server may have begun.
        started: Started,
    },
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Error {
    pub(super) fn unreachable(server: &str, why: impl AsRef<str>) -> Self {
        Self::Unreachable { server: server.to_owned(), why: plain::line(why.as_ref(), LONGEST) }
    }

    pub(super) fn unavailable(server: &str, why: impl AsRef<str>) -> Self {
        Self::Unavailable { server: server.to_owned(), why: plain::line(why.as_ref(), LONGEST) }
    }

    pub(super) fn unauthorized(server: &str, why: impl AsRef<str>, challenge: Option<&str>) -> Self {
        let challenge = challenge.map(|challenge| plain::line(challenge, 2_000));
        Self::Unauthorized { server: server.to_owned(), why: plain::line(why.as_ref(), LONGEST), challenge }
    }

    pub(super) fn unusable(server: &str, why: impl AsRef<str>) -> Self {
        Self::Unusable { server: server.to_owned(), why: plain::line(why.as_ref(), LONGEST) }
    }

    pub(super) fn refused(server: &str, why: impl AsRef<str>) -> Self {
        Self::Refused { server: server.to_owned(), why: plain::line(why.as_ref(), LONGEST), again: None }
    }

    pub(super) fn failed(server: &str, why: impl AsRef<str>) -> Self {
        Self::Failed { server: server.to_owned(), why: plain::line(why.as_ref(), LONGEST) }
    }

    pub(super) fn ended(server: &str, why: impl AsRef<str>) -> Self {
        Self::Ended { server: server.to_owned(), why: plain::line(why.as_ref(), LONGEST) }
    }

    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unreachable { .. }
            | Self::Unavailable { .. }
            | Self::Unauthorized { .. }
            | Self::WornOut { .. }
            | Self::Unusable { .. } => ErrorCode::McpUnavailable,
            Self::Refused { .. } | Self::Failed { .. } | Self::Ended { .. } | Self::Late { .. } => {
                ErrorCode::ToolFailed
            }
            Self::Cancelled { .. } => ErrorCode::RunCancelled,
        }
    }

    /// Whether the server may have begun with what was asked of it.
    #[must_use]
    pub const fn started(&self) -> Started {
        match self {
            Self::Unreachable { .. }
            | Self::Unavailable { .. }
            | Self::Unauthorized { .. }
            | Self::WornOut { .. }
            | Self::Unusable { .. }
            | Self::Refused { .. } => Started::NotStarted,
            Self::Failed { .. } | Self::Ended { .. } | Self::Late { .. } => Started::Unknown,
            Self::Cancelled { started } => *started,
        }
    }

    /// Whether asking again may help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::WornOut { .. }
            | Self::Failed { .. }
            | Self::Ended { .. }
            | Self::Late { .. } => true,
            Self::Refused { again, .. } => again.is_some(),
            Self::Unavailable { .. }
            | Self::Unauthorized { .. }
            | Self::Unusable { .. }
            | Self::Cancelled { .. } => false,
        }
    }
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        let again = match &error {
            Error::Refused { again, .. } => *again,
            Error::Unreachable { .. }
            | Error::Unavailable { .. }
            | Error::Unauthorized { .. }
            | Error::WornOut { .. }
            | Error::Unusable { .. }
            | Error::Failed { .. }
            | Error::Ended { .. }
            | Error::Late { .. }
            | Error::Cancelled { .. } => None,
        };
        Self {
            code: error.code(),
            message: error.to_string(),
            started: error.started(),
            retryable: error.is_retryable(),
            retry_after: again.filter(|wait| !wait.is_zero()),
        }
    }
}
