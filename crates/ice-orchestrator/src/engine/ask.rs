//! Asking a model, and those that stand in for it; what it costs.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::llm::{
    BlobSource, Chunk, Fallback, LlmContext, LlmError, LlmErrorKind, LlmProvider, MAX_SHOWN_BYTES, Price,
    Request, Response, Usage,
};
use ice_core::metrics::{MetricName, counter, histogram};
use ice_core::path::NodePath;
use ice_core::store::BlobStore;
use ice_core::value::{BlobHash, BlobRef, Value};
use tracing::Instrument;

use super::run::RunShared;
use crate::executors::{Completion, StepContext, TransientEvent, TransientSink};
use crate::journal::{Failure, Intent};
use crate::telemetry::{Chat, Place};

/// On whose behalf a model is asked, and how often at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    /// How often a provider may ask, whatever the request says.
    pub(super) attempts: Option<u32>,
    /// The session, if the node knows what was said in it.
    pub(super) session: Option<String>,
}

impl Asker {
    /// Who asks, in a node of so many attempts. One of both repeats a call, the node or the provider.
    pub(super) fn of(intent: &Intent, attempts: u32) -> Self {
        let session = match intent {
            Intent::Agent { request, .. } | Intent::Aware { request, .. } => request.get("session"),
            Intent::Tool { .. }
            | Intent::Llm { .. }
            | Intent::Code { .. }
            | Intent::Swarm { .. }
            | Intent::Memory { .. }
            | Intent::Alert { .. } => None,
        };
        let session = session.and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned);
        Self { attempts: (attempts > 1).then_some(1), session }
    }
}

/// One call under way.
struct Call<'c> {
    shared: &'c RunShared,
    ctx: &'c StepContext,
    address: &'c NodePath,
    context: LlmContext,
    asker: &'c Asker,
    /// What models that failed have spent.
    spent: Usage,
    /// The hash of what was shown, if anything was.
    hasher: Option<blake3::Hasher>,
}

impl RunShared {
    /// Asks a model. Pieces of its answer are shown as they come. If it fails in a way that another would not, those that the
    /// request names are asked, one after the other.
    pub(super) async fn ask(
        &self,
        ctx: &StepContext,
        address: &NodePath,
        provider: &str,
        request: Result<Request, serde_json::Error>,
        asker: &Asker,
    ) -> Result<Completion, Failure> {
        let mut request = request.map_err(|error| {
            Failure::new(ErrorCode::ModelFailed, format!("the request cannot be read: {error}"))
        })?;
        let context = LlmContext {
            cancel: ctx.cancel.clone(),
            idempotency_key: format!("{}/{address}/{}", self.run, ctx.attempt),
            attempt: ctx.attempt,
            attempts: asker.attempts,
            grants: Arc::clone(&self.grants),
            blobs: Some(Arc::new(Blobs(Arc::clone(&self.engine.blobs)))),
        };
        let (spent, hasher) = (Usage::default(), None);
        let mut call = Call { shared: self, ctx, address, context, asker, spent, hasher };
        let fallbacks = std::mem::take(&mut request.fallbacks);
        let again = (!fallbacks.is_empty()).then(|| request.clone());
        let mut failure = match call.one(provider, request).await {
            Ok(completion) => return Ok(completion),
            Err(failure) => failure,
        };
        let Some(mut request) = again else {
            return Err(Failure { usage: call.spent, ..Failure::from(failure) });
        };
        // The address was that of the first provider.
        request.base_url = None;
        for Fallback { provider: other, model } in &fallbacks {
            if !failure.another_model_helps || ctx.cancel.is_cancelled() {
                break;
            }
            let named = other.as_deref().unwrap_or(provider);
            tracing::warn!(run = %self.run, %address, provider = named, model, "another model is asked: {failure}");
            request.model.clone_from(model);
            failure = match call.one(named, request.clone()).await {
                Ok(completion) => return Ok(completion),
                Err(failure) => failure,
            };
        }
        Err(Failure { usage: call.spent, ..Failure::from(failure) })
    }
}

impl Call<'_> {
    /// Asks one model.
    async fn one(&mut self, provider: &str, request: Request) -> Result<Completion, LlmError> {
        let Some(found) = self.shared.plan.providers.get(provider) else {
            let message = format!("no provider of models is named `{provider}`");
            return Err(LlmError::new(LlmErrorKind::InvalidRequest, message));
        };
        if self.hasher.take().is_some() {
            self.shared.transient.emit(self.address, self.ctx.attempt, TransientEvent::StreamReset);
        }
        let model = request.model.clone();
        let price = found.capabilities(&model).and_then(|capabilities| capabilities.price);
        let place = Place {
            run: self.shared.run,
            address: self.address,
            agent: self.ctx.agent.as_deref(),
            session: self.asker.session.as_deref(),
            content: self.shared.engine.content(),
        };
        let mut chat = Chat::begin(place, &**found, &request);
        let span = chat.span();
        let ended = self.stream(&**found, request, &mut chat).instrument(span).await;
        self.shared.transient.stream_ended(self.address);
        histogram(MetricName::LlmSeconds, &[("provider", provider)]).record(chat.seconds());
        let usage = ended.as_ref().map_or_else(|error| error.usage, |response| response.usage);
        let usage = priced(usage, price.as_ref());
        chat.ended(&ended, usage);
        self.count((provider, &model), usage);
        self.spent += usage;
        let mut response = ended?;
        response.usage = self.spent;
        self.completed(&response)
    }

    async fn stream(
        &mut self,
        provider: &dyn LlmProvider,
        request: Request,
        chat: &mut Chat<'_>,
    ) -> Result<Response, LlmError> {
        let mut chunks = provider.stream(&self.context, request).await?;
        while let Some(chunk) = chunks.next().await {
            match chunk? {
                Chunk::Text { delta } => {
                    chat.chunk();
                    self.hasher.get_or_insert_with(blake3::Hasher::new).update(delta.as_bytes());
                    let token = TransientEvent::Token { text: delta };
                    self.shared.transient.emit(self.address, self.ctx.attempt, token);
                }
                Chunk::Reasoning { .. } => chat.chunk(),
                // It is no piece: of an answer of calls alone no piece comes.
                Chunk::Done { response } => return Ok(response),
            }
        }
        Err(LlmError::new(LlmErrorKind::Truncated, "the answer broke off before its end"))
    }

    /// Counts what a model spent, whatever came of it.
    fn count(&self, (provider, model): (&str, &str), usage: Usage) {
        for (direction, tokens) in [("input", usage.input), ("output", usage.output)] {
            let labels = [("provider", provider), ("direction", direction)];
            counter(MetricName::LlmTokens, &labels).increment(tokens);
        }
        let workflow = self.shared.plan.blueprint().blueprint_id.as_str();
        let agent = self.ctx.agent.as_deref().unwrap_or_default();
        let labels = [("provider", provider), ("model", model), ("workflow", workflow), ("agent", agent)];
        counter(MetricName::LlmCost, &labels).increment(usage.cost.as_billionths());
    }

    fn completed(&self, response: &Response) -> Result<Completion, LlmError> {
        let value = Value::from_serialize(response).map_err(|error| {
            LlmError::new(LlmErrorKind::InvalidRequest, format!("the answer cannot be kept: {error}"))
        })?;
        let hash = |hasher: &blake3::Hasher| BlobHash::from_bytes(*hasher.finalize().as_bytes());
        let stream = self.hasher.as_ref().map(hash);
        Ok(Completion { usage: response.usage, stream, ..Completion::from(value) })
    }
}

/// What tokens cost. A provider that knows what a call cost is believed.
fn priced(usage: Usage, price: Option<&Price>) -> Usage {
    match price {
        Some(price) if usage.cost.is_zero() => Usage { cost: price.of(&usage), ..usage },
        Some(_) | None => usage,
    }
}

/// The blobs of the engine, as a provider reads them.
#[derive(Debug)]
struct Blobs(Arc<dyn BlobStore>);

#[async_trait]
impl BlobSource for Blobs {
    async fn read(&self, blob: &BlobRef) -> Result<Bytes, String> {
        if blob.size > MAX_SHOWN_BYTES {
            return Err(format!(
                "it has {} bytes, and {MAX_SHOWN_BYTES} is the most a model is shown",
                blob.size
            ));
        }
        self.0.get(&blob.hash, None).await.map_err(|error| error.to_string())
    }
}
