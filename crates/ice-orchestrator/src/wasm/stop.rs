//! How a run is told to end before it is done.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a run is to end before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody wants it any more.
    Cancelled,
    /// It takes too long.
    Wall,
    /// It writes nothing for too long.
    Idle,
    /// It computes for too long.
    Cpu,
    /// It writes too much.
    Output,
}

/// Tells one run to end. The first reason counts.
#[derive(Debug, Default)]
pub(super) struct Stop {
    end: OnceLock<End>,
    told: CancellationToken,
}

/// What a module is ended with: it cannot be caught within.
#[derive(Debug, thiserror::Error)]
#[error("the run was told to end")]
pub(super) struct Ended;

impl Stop {
    /// Tells the run to end.
    pub(super) fn tell(&self, end: End) {
        // A second reason does not matter: the run is ending.
        let _ = self.end.set(end);
        self.told.cancel();
    }

    /// Why it is to end, if it is.
    pub(super) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// Waits until it is to end. Cancel-safe.
    pub(super) async fn told(&self) {
        self.told.cancelled().await;
    }
}

/// Ends the run when it is dropped, as it is with the future of the run.
#[derive(Debug)]
pub(super) struct StopOnDrop(pub(super) Arc<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.tell(End::Cancelled);
    }
}
