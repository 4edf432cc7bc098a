//! A reader that stops at a limit and at a cancel.

use std::fmt;
use std::io::{self, Read};

use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};
use tokio_util::sync::CancellationToken;

/// Reads at most a number of bytes, and nothing once the call is cancelled.
#[derive(Debug)]
pub(crate) struct Watched<R> {
    inner: R,
    left: u64,
    limit: u64,
    cancel: CancellationToken,
}

/// Why a [`Watched`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    TooLarge(u64),
    Cancelled,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "there are more than {limit} bytes, the most that is read"),
            Self::Cancelled => f.write_str("the call was cancelled"),
        }
    }
}

impl std::error::Error for Stopped {}

impl<R> Watched<R> {
    pub(crate) fn new(inner: R, ctx: &ToolContext) -> Self {
        let limit = ctx.limits.max_read_bytes;
        Self { inner, left: limit, limit, cancel: ctx.cancel.clone() }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other(Stopped::Cancelled));
        }
        let count = self.inner.read(buffer)?;
        self.left = (self.left.checked_sub(count as u64))
            .ok_or_else(|| io::Error::other(Stopped::TooLarge(self.limit)))?;
        Ok(count)
    }
}

/// What a failed read of `name` means for the call. Nothing was changed by it.
pub(crate) fn stopped(name: &str, error: &io::Error) -> ToolError {
    let stop = error.get_ref().and_then(|inner| inner.downcast_ref::<Stopped>());
    match stop {
        Some(Stopped::Cancelled) => ToolError::cancelled().not_started(),
        Some(stop @ Stopped::TooLarge(_)) => {
            ToolError::refused(ErrorCode::FileTooLarge, format!("{name}: {stop}"))
        }
        None => ToolError::refused(ErrorCode::FileUnreadable, format!("{name} cannot be read: {error}"))
            .retryable(true),
    }
}
