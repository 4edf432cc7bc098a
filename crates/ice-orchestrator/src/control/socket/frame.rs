//! The lines themselves.

use std::io;

use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use super::SocketError;

/// The version of the protocol. Both sides must speak the same one.
pub const PROTOCOL: u32 = 1;

/// The longest line, in bytes.
pub const MAX_LINE_BYTES: usize = 64 << 20;

pub(super) type Lines = Framed<UnixStream, LinesCodec>;

/// The first line of each side. Its form never changes, so that versions can tell each other apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub(super) hello: Hello,
}

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// The version of the protocol.
    pub(super) protocol: u32,
    /// The version of the program, for people.
    pub(super) version: String,
}

impl Greeting {
    pub(super) fn new() -> Self {
        Self { hello: Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() } }
    }
}

/// Whether a process of `user` talks to one of `peer`.
pub(super) const fn trusts(user: u32, peer: u32) -> bool {
    peer == user || peer == 0
}

pub(super) fn lines(stream: UnixStream) -> Lines {
    Framed::new(stream, LinesCodec::new_with_max_length(MAX_LINE_BYTES))
}

/// The line of a message, without its end.
pub(super) fn encode(message: &impl Serialize) -> Result<String, SocketError> {
    let mut line = Line(Vec::new());
    match serde_json::to_writer(&mut line, message) {
        Ok(()) => String::from_utf8(line.0).map_err(|error| SocketError::Protocol(error.to_string())),
        Err(error) if error.is_io() => Err(SocketError::TooLarge),
        Err(error) => Err(SocketError::Protocol(error.to_string())),
    }
}

/// A line that grows no longer than it may be: values that share much can be vast once they are written out.
struct Line(Vec<u8>);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_LINE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The message of a line.
pub(super) fn decode<'l, T: Deserialize<'l>>(line: &'l str) -> Result<T, SocketError> {
    serde_json::from_str(line).map_err(|error| SocketError::Protocol(error.to_string()))
}

impl From<LinesCodecError> for SocketError {
    fn from(error: LinesCodecError) -> Self {
        match error {
            LinesCodecError::MaxLineLengthExceeded => {
                Self::Protocol(format!("a line has more than {} MiB", MAX_LINE_BYTES >> 20))
            }
            LinesCodecError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Protocol("a line is not UTF-8".to_owned())
            }
            LinesCodecError::Io(error) => error.into(),
        }
    }
}
