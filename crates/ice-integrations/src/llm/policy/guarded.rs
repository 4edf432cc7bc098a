//! A provider with what holds for every one of them around it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use ice_core::llm::{
    Chunk, ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities,
    Request, Response,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::settings::{Limits, seconds};
use super::gate::Gate;
use super::repeat::Waits;

/// A provider with limits around it. Calls beyond them wait; a call that fails for a passing reason before anything of its
/// answer was there is repeated. Ends soon after it is cancelled, whatever the provider does.
pub struct Guarded {
    inner: Arc<dyn LlmProvider>,
    limits: Limits,
    gate: Arc<Gate>,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("inner", &self.inner)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Guarded {
    /// Puts limits around a provider.
    #[must_use]
    pub fn new(inner: Arc<dyn LlmProvider>, limits: Limits) -> Self {
        Self { inner, limits, gate: Arc::new(Gate::new(&limits)) }
    }

    /// Asks until something of an answer is there.
    async fn begin(&self, ctx: &LlmContext, request: Request) -> Result<Begun, LlmError> {
        let whole = request.timeout_ms.map_or(seconds(self.limits.whole_seconds), Duration::from_millis);
        let until = Instant::now() + whole.min(seconds(self.limits.whole_seconds));
        let worked = tokio::select! {
            biased;
            () = ctx.cancel.cancelled() => return Err(cancelled()),
            worked = timeout_at(until, self.work(ctx, request)) => worked,
        };
        let (first, rest, permit) = worked.unwrap_or_else(|_| Err(self.late("the whole call", whole)))?;
        Ok(Begun { first: Some(first), rest, until, _permit: permit })
    }

    async fn work(
        &self,
        ctx: &LlmContext,
        request: Request,
    ) -> Result<(Chunk, ChunkStream, Option<OwnedSemaphorePermit>), LlmError> {
        let estimate = self.inner.estimate(&request);
        let tokens = estimate.input_tokens.saturating_add(estimate.max_output_tokens);
        let stated = request.attempts.unwrap_or(self.limits.retries.saturating_add(1));
        let attempts = ctx.attempts.unwrap_or(u32::MAX).min(stated).max(1);
        let mut waits = Waits::new(attempts - 1);
        loop {
            // A call that waits to be repeated keeps no other from being made.
            let permit = self.gate.enter(tokens).await;
            let first = async {
                let mut stream = self.inner.stream(ctx, request.clone()).await?;
                let first = stream.next().await.unwrap_or_else(|| Err(self.broke_off()))?;
                Ok((first, stream))
            };
            let span = seconds(self.limits.first_token_seconds);
            let attempt = async {
                timeout(span, first).await.unwrap_or_else(|_| Err(self.late("the first token", span)))
            };
            let error = match self.gate.attempt(self.name(), attempt).await {
                Ok((first, stream)) => return Ok((first, stream, permit)),
                Err(error) => error,
            };
            drop(permit);
            let Some(wait) = waits.next(&error) else { return Err(error) };
            if !self.gate.may_repeat() {
                tracing::warn!(provider = self.name(), "too many repetitions: this call is not repeated");
                return Err(error);
            }
            tracing::info!(
                provider = self.name(),
                wait_ms = wait.as_millis() as u64,
                "a call is repeated: {error}"
            );
            tokio::time::sleep(wait).await;
        }
    }

    fn late(&self, what: &str, span: Duration) -> LlmError {
        let text = format!("`{}` took longer than {} s for {what}", self.name(), span.as_secs_f64());
        let kind = LlmErrorKind::Transient { retry_after: None };
        LlmError { another_model_helps: true, ..LlmError::new(kind, text) }
    }

    fn broke_off(&self) -> LlmError {
        let text = format!("`{}` broke off before its answer", self.name());
        LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Truncated, text) }
    }
}

fn cancelled() -> LlmError {
    LlmError::new(LlmErrorKind::Cancelled, "the call was cancelled")
}

/// An answer of which something is there.
struct Begun {
    first: Option<Chunk>,
    rest: ChunkStream,
    /// When it must have ended.
    until: Instant,
    /// Keeps the room that the call takes up.
    _permit: Option<OwnedSemaphorePermit>,
}

/// An answer on its way out.
struct Passing {
    begun: Begun,
    gate: Arc<Gate>,
    name: String,
    pause: Duration,
    cancel: tokio_util::sync::CancellationToken,
    ended: bool,
}

impl Passing {
    async fn next(&mut self) -> Option<Result<Chunk, LlmError>> {
        if self.ended {
            return None;
        }
        let next = match self.begun.first.take() {
            Some(first) => Some(Ok(first)),
            None => {
                let pause = Instant::now() + self.pause;
                let next = timeout_at(pause.min(self.begun.until), self.begun.rest.next());
                tokio::select! {
                    biased;
                    () = self.cancel.cancelled() => Some(Err(cancelled())),
                    next = next => next.unwrap_or_else(|_| Some(Err(self.stalled()))),
                }
            }
        };
        let next = next.unwrap_or_else(|| {
            let text = format!("`{}` broke off in the middle of the answer", self.name);
            Err(LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Truncated, text) })
        });
        match &next {
            Ok(Chunk::Done { .. }) => self.ended = true,
            Ok(Chunk::Text { .. } | Chunk::Reasoning { .. }) => {}
            Err(error) => {
                self.ended = true;
                if error.is_retryable() {
                    self.gate.broke().await;
                }
            }
        }
        Some(next)
    }

    fn stalled(&self) -> LlmError {
        let text = if Instant::now() >= self.begun.until {
            format!("`{}` took too long for the whole answer", self.name)
        } else {
            format!("`{}` stopped for {} s in the middle of the answer", self.name, self.pause.as_secs_f64())
        };
        LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Truncated, text) }
    }
}

#[async_trait]
impl LlmProvider for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self, model: &str) -> Option<ModelCapabilities> {
        self.inner.capabilities(model)
    }

    fn models(&self) -> Option<Vec<String>> {
        self.inner.models()
    }

    fn estimate(&self, request: &Request) -> Estimate {
        self.inner.estimate(request)
    }

    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        let mut chunks = self.stream(ctx, request).await?;
        while let Some(chunk) = chunks.next().await {
            if let Chunk::Done { response } = chunk? {
                return Ok(response);
            }
        }
        Err(self.broke_off())
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        let begun = self.begin(ctx, request).await?;
        let passing = Passing {
            begun,
            gate: Arc::clone(&self.gate),
            name: self.name().to_owned(),
            pause: seconds(self.limits.between_tokens_seconds),
            cancel: ctx.cancel.clone(),
            ended: false,
        };
        let next = |mut passing: Passing| async move { passing.next().await.map(|chunk| (chunk, passing)) };
        Ok(futures::stream::unfold(passing, next).boxed())
    }
}
