//! A provider with what holds for every one of them around it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use ice_core::llm::{
    Chunk, ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities,
    Request, Response, Usage, tokens,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::settings::{Limits, seconds};
use super::gate::{Gate, Room};
use super::repeat::Waits;

/// How long an answer that is given up has to say what it has spent.
const GRACE: Duration = Duration::from_secs(1);

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
        Self::within(inner, limits, Room::new(&limits))
    }

    /// Puts limits around a provider whose calls count together with those of others: the room says how many there may be,
    /// whatever these limits say of that.
    #[must_use]
    pub fn within(inner: Arc<dyn LlmProvider>, limits: Limits, room: Room) -> Self {
        Self { inner, limits, gate: Arc::new(Gate::new(&limits, room)) }
    }

    /// Asks until something of an answer is there.
    async fn begin(&self, ctx: &LlmContext, request: Request) -> Result<Begun, LlmError> {
        let whole = request.timeout_ms.map_or(seconds(self.limits.whole_seconds), Duration::from_millis);
        let whole = whole.min(seconds(self.limits.whole_seconds));
        let until = Instant::now() + whole;
        // What is given up is cancelled, so that it can say what it has spent.
        let ctx = LlmContext { cancel: ctx.cancel.child_token(), ..ctx.clone() };
        let work = self.work(&ctx, request);
        tokio::pin!(work);
        let worked = tokio::select! {
            biased;
            worked = &mut work => worked,
            () = ctx.cancel.cancelled() => Err(timeout(GRACE, &mut work).await.map_or_else(|_| cancelled(), ended)),
            () = tokio::time::sleep_until(until) => {
                ctx.cancel.cancel();
                let spent = timeout(GRACE, &mut work).await.map_or_else(|_| Usage::default(), |end| ended(end).usage);
                Err(LlmError { usage: spent, ..self.late("the whole call", whole) })
            }
        };
        let (first, rest, permit) = worked?;
        Ok(Begun { first: Some(first), rest, until, cancel: ctx.cancel.clone(), _permit: permit })
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
        // What a blueprint sends elsewhere says nothing of this provider, and takes nothing of its room.
        let gate = request.base_url.is_none().then_some(&*self.gate);
        if ctx.attempt > 1 && gate.is_some_and(|gate| !gate.may_repeat()) {
            let text = format!("too many calls of `{}` were repeated within a minute", self.name());
            let kind = LlmErrorKind::Transient { retry_after: None };
            return Err(LlmError { another_model_helps: true, ..LlmError::new(kind, text) });
        }
        loop {
            // A call that waits to be repeated keeps no other from being made.
            let permit = match gate {
                Some(gate) => gate.enter(tokens).await,
                None => None,
            };
            let attempt = self.first(ctx, request.clone());
            let begun = match gate {
                Some(gate) => gate.attempt(self.name(), attempt).await,
                None => attempt.await,
            };
            let error = match begun {
                Ok((first, stream)) => return Ok((first, stream, permit)),
                Err(error) => error,
            };
            drop(permit);
            let Some(wait) = waits.next(&error) else { return Err(error) };
            if gate.is_some_and(|gate| !gate.may_repeat()) {
                tracing::warn!(provider = self.name(), "too many repetitions: this call is not repeated");
                return Err(error);
            }
            tracing::info!(
                provider = self.name(),
                wait_ms = wait.as_millis() as u64,
                "a call is repeated: {error}"
            );
            tokio::select! {
                () = ctx.cancel.cancelled() => return Err(cancelled()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Makes one attempt, and waits for the first piece of its answer.
    async fn first(&self, ctx: &LlmContext, request: Request) -> Result<(Chunk, ChunkStream), LlmError> {
        let read = tokens::estimate_input(&request);
        let span = seconds(self.limits.first_token_seconds);
        let ctx = LlmContext { cancel: ctx.cancel.child_token(), ..ctx.clone() };
        let first = async {
            let mut stream = self.inner.stream(&ctx, request).await?;
            let first = stream.next().await.unwrap_or_else(|| Err(self.broke_off()))?;
            Ok((first, stream))
        };
        tokio::pin!(first);
        tokio::select! {
            biased;
            first = &mut first => first,
            () = tokio::time::sleep(span) => {
                ctx.cancel.cancel();
                let said = timeout(GRACE, &mut first).await.map_or_else(|_| Usage::default(), |end| ended(end).usage);
                // It has been reading all the while: that is paid for, and not asked for again at the same price.
                let guess = Usage { input: read, estimated: true, ..Usage::default() };
                let usage = if said == Usage::default() { guess } else { said };
                Err(LlmError { usage, ..self.late("the first token", span) })
            }
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

/// What an attempt that was given up ended with.
fn ended<T>(end: Result<T, LlmError>) -> LlmError {
    end.err().unwrap_or_else(cancelled)
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
    /// Ends it.
    cancel: tokio_util::sync::CancellationToken,
    /// Keeps the room that the call takes up.
    _permit: Option<OwnedSemaphorePermit>,
}

/// An answer on its way out.
struct Passing {
    begun: Begun,
    gate: Arc<Gate>,
    name: String,
    pause: Duration,
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
                let ended = tokio::select! {
                    biased;
                    next = next => next.map_err(|_| self.stalled()),
                    () = self.begun.cancel.cancelled() => Err(cancelled()),
                };
                match ended {
                    Ok(next) => next,
                    Err(error) => Some(Err(self.given_up(error).await)),
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

    /// Ends the answer, and hears what it has spent.
    async fn given_up(&mut self, error: LlmError) -> LlmError {
        self.begun.cancel.cancel();
        let left = async {
            loop {
                match self.begun.rest.next().await {
                    Some(Ok(Chunk::Done { response })) => return response.usage,
                    Some(Ok(Chunk::Text { .. } | Chunk::Reasoning { .. })) => {}
                    Some(Err(error)) => return error.usage,
                    None => return Usage::default(),
                }
            }
        };
        let usage = timeout(GRACE, left).await.unwrap_or_default();
        LlmError { usage, ..error }
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

    fn vendor(&self) -> &str {
        self.inner.vendor()
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
            ended: false,
        };
        let next = |mut passing: Passing| async move { passing.next().await.map(|chunk| (chunk, passing)) };
        Ok(futures::stream::unfold(passing, next).boxed())
    }
}
