//! How a connection ended, for whoever waits for something of it.

use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How a connection ended, once it has, and whether anything moves on it.
#[derive(Debug)]
pub(super) struct Fate {
    why: Mutex<Option<String>>,
    ended: CancellationToken,
    moves: watch::Sender<u64>,
}

impl Default for Fate {
    fn default() -> Self {
        Self { why: Mutex::default(), ended: CancellationToken::new(), moves: watch::Sender::new(0) }
    }
}

impl Fate {
    /// States how it ended, or is going to. The first reason counts.
    pub(super) fn decide(&self, why: String) {
        let mut told = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        told.get_or_insert(why);
    }

    /// States that it has ended. Whoever waits for it learns that now.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// Why it ended, if it was said.
    pub(super) fn told(&self) -> Option<String> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same in words that are always there.
    pub(super) fn why(&self) -> String {
        self.told().unwrap_or_else(|| "the connection was closed".to_owned())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until it has ended. Cancel-safe.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// States that a message went one way or the other.
    pub(super) fn moved(&self) {
        self.moves.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// What tells of every message.
    pub(super) fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
    }
}
