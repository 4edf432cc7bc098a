//! How many calls there are, and whether there may be one at all.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ice_core::llm::{LlmError, LlmErrorKind};
use recloser::{AnyError, AsyncRecloser, Error as Broken, Recloser};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::settings::{Limits, seconds};

/// Room for the calls of those who share a key: how many there are at once, and within a minute. Clones are the same room.
#[derive(Clone)]
pub struct Room(Arc<Inside>);

struct Inside {
    calls: Arc<Semaphore>,
    requests: Option<DefaultDirectRateLimiter>,
    tokens: Option<(DefaultDirectRateLimiter, NonZeroU32)>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("free", &self.0.calls.available_permits()).finish_non_exhaustive()
    }
}

impl Room {
    /// The room that these limits leave.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let per_minute = |count: NonZeroU32| RateLimiter::direct(Quota::per_minute(count));
        Self(Arc::new(Inside {
            calls: Arc::new(Semaphore::new(limits.concurrency.get() as usize)),
            requests: limits.requests_per_minute.map(per_minute),
            tokens: limits.tokens_per_minute.map(|count| (per_minute(count), count)),
        }))
    }

    /// Waits until there is room for a call of so many tokens, and until the rates allow it. Cancel-safe: who stops waiting
    /// gives its place up. The room is kept until the permit is dropped.
    pub(super) async fn enter(&self, tokens: u64) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.0.calls).acquire_owned().await.ok();
        if let Some(requests) = &self.0.requests {
            requests.until_ready().await;
        }
        if let Some((limiter, most)) = &self.0.tokens {
            // What is more than a minute's worth waits for all of it.
            let wanted =
                NonZeroU32::new(u32::try_from(tokens).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
            if limiter.until_n_ready(wanted.min(*most)).await.is_err() {
                tracing::debug!("a call wants more tokens than the rate ever allows");
            }
        }
        permit
    }
}

/// The way in to one provider.
pub(super) struct Gate {
    room: Room,
    repetitions: DefaultDirectRateLimiter,
    breaker: AsyncRecloser,
    breaker_wait: Duration,
}

impl Gate {
    pub(super) fn new(limits: &Limits, room: Room) -> Self {
        let breaker = Recloser::custom()
            .error_rate(0.5)
            .closed_len(limits.breaker_calls.get() as usize)
            .half_open_len(1)
            .open_wait(seconds(limits.breaker_seconds))
            .build();
        Self {
            room,
            repetitions: RateLimiter::direct(Quota::per_minute(limits.retries_per_minute)),
            breaker: AsyncRecloser::from(breaker),
            breaker_wait: seconds(limits.breaker_seconds),
        }
    }

    /// As [`Room::enter`].
    pub(super) async fn enter(&self, tokens: u64) -> Option<OwnedSemaphorePermit> {
        self.room.enter(tokens).await
    }

    /// Takes one of the repetitions of this minute.
    pub(super) fn may_repeat(&self) -> bool {
        self.repetitions.check().is_ok()
    }

    /// Makes an attempt unless the provider is left alone. What fails for a passing reason counts against it.
    pub(super) async fn attempt<T>(
        &self,
        name: &str,
        attempt: impl Future<Output = Result<T, LlmError>>,
    ) -> Result<T, LlmError> {
        let counts =
            |error: &LlmError| matches!(error.kind, LlmErrorKind::Transient { .. } | LlmErrorKind::Truncated);
        match self.breaker.call_with(counts, attempt).await {
            Ok(done) => Ok(done),
            Err(Broken::Inner(error)) => Err(error),
            Err(Broken::Rejected) => {
                let wait = self.breaker_wait;
                let text = format!(
                    "`{name}` is left alone for up to {} s: too many of the last calls failed",
                    wait.as_secs()
                );
                let kind = LlmErrorKind::Transient { retry_after: Some(wait) };
                Err(LlmError { another_model_helps: true, ..LlmError::new(kind, text) })
            }
        }
    }

    /// Counts a failure that came after the attempt had begun well.
    pub(super) async fn broke(&self) {
        let _counted = self.breaker.call_with(AnyError, std::future::ready(Err::<(), ()>(()))).await;
    }
}
