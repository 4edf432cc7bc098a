//! What can go wrong on the socket, cut by what the caller can do about it.

use std::io;

use ice_core::error::ErrorCode;

use super::frame::{MAX_LINE_BYTES, PROTOCOL};

/// What can go wrong on the socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens: there is no owner, or it does not listen yet. Try again, or become the owner.
    #[error("nobody listens in the data folder")]
    Absent,
    /// The other side went away before it answered. Look for a new owner.
    #[error("the owner of the data folder went away")]
    Gone,
    /// The other side did not answer in time.
    #[error("the owner of the data folder does not answer")]
    Silent,
    /// The other side speaks another version of the protocol. Use the same version of ice.
    #[error(
        "the owner of the data folder speaks version {theirs} of the protocol, this is version {PROTOCOL}"
    )]
    Version {
        /// Its version.
        theirs: u32,
    },
    /// The other side belongs to another user.
    #[error("the other side of the control socket belongs to user {uid}, who is neither you nor root")]
    Foreign {
        /// The other user.
        uid: u32,
    },
    /// A request is too large to send.
    #[error("the request has more than {} MiB", MAX_LINE_BYTES >> 20)]
    TooLarge,
    /// What came is not what the protocol says.
    #[error("the other side of the control socket does not follow the protocol: {0}")]
    Protocol(String),
    /// The socket could not be made or used.
    #[error("the control socket cannot be used")]
    Io(#[source] io::Error),
}

/// What the system says when the other side is no longer there.
const GONE: &[io::ErrorKind] = &[
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::NotConnected,
    io::ErrorKind::UnexpectedEof,
];

impl From<io::Error> for SocketError {
    fn from(error: io::Error) -> Self {
        if GONE.contains(&error.kind()) { Self::Gone } else { Self::Io(error) }
    }
}

impl SocketError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Version { .. } => ErrorCode::ControlVersion,
            Self::TooLarge => ErrorCode::FileTooLarge,
            Self::Absent
            | Self::Gone
            | Self::Silent
            | Self::Foreign { .. }
            | Self::Protocol(_)
            | Self::Io(_) => ErrorCode::ControlUnavailable,
        }
    }
}
