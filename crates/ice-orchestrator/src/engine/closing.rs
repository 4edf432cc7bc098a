//! Whether the engine closes.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// The closing of an engine, or the loss of its ownership. To look costs next to nothing: every attempt does.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    begun: AtomicBool,
    token: CancellationToken,
}

impl Closing {
    /// From now on nothing begins any more. The tasks of runs do not wait for it: they are told.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Waits until it begins. Cancel-safe.
    pub(crate) fn begun(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }
}
