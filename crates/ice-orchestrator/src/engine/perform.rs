//! Carrying out what an intent says: calling tools, asking models.

use std::sync::Arc;

use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::llm::{Chunk, LlmContext, LlmError, LlmErrorKind, Request, Response, Usage};
use ice_core::metrics::{MetricName, counter, histogram};
use ice_core::path::NodePath;
use ice_core::process::{ProcessHost, Report};
use ice_core::registry::CodeBody;
use ice_core::tools::{ProgressSink, ToolContext};
use ice_core::value::{BlobHash, Value};

use super::processes::count;
use super::run::RunShared;
use crate::executors::{Completion, StepContext, TransientEvent, TransientSink};
use crate::journal::Failure;
use crate::process::code::{self, Surroundings};

impl RunShared {
    /// Calls a tool. What it reports on the way goes to `progress`.
    pub(super) async fn call(
        &self,
        ctx: &StepContext,
        address: &NodePath,
        tool: &str,
        input: Value,
        progress: Arc<dyn ProgressSink>,
        processes: Option<Arc<dyn ProcessHost>>,
    ) -> Result<Completion, Failure> {
        let Some(found) = self.plan.tools.get(tool) else {
            return Err(Failure::new(ErrorCode::UnknownTool, format!("no tool is named `{tool}`")));
        };
        let context = ToolContext {
            tenant: self.tenant.clone(),
            run: self.run,
            path: address.clone(),
            attempt: ctx.attempt,
            cancel: ctx.cancel.clone(),
            grants: Arc::clone(&self.grants),
            limits: self.engine.tool_limits,
            clock: Arc::clone(&self.engine.clock),
            processes,
            isolation: self.confinement.isolation,
            progress: Some(progress),
        };
        Ok(found.call(&context, input).await?.into())
    }

    /// Runs a piece of code. What WebAssembly reports goes to `observe`.
    pub(super) async fn execute(
        &self,
        ctx: &StepContext,
        request: &Value,
        processes: Option<Arc<dyn ProcessHost>>,
        observe: impl Fn(Report),
    ) -> Result<Completion, Failure> {
        let surroundings = Surroundings {
            grants: &self.grants,
            limits: self.confinement.limits,
            processes,
            wasm: self.engine.wasm.clone(),
            cancel: &ctx.cancel,
        };
        let module = |name: &str| match &self.plan.code.get(name)?.body {
            CodeBody::Module(bytes) => Some(bytes.clone()),
            CodeBody::Source(..) => None,
        };
        let observe = |report: Report| {
            count(code::LABEL, &report);
            observe(report);
        };
        code::run(request, &surroundings, module, observe).await.map(Completion::from)
    }

    /// Asks a model. Pieces of its answer are shown as they come.
    pub(super) async fn ask(
        &self,
        ctx: &StepContext,
        address: &NodePath,
        provider: &str,
        request: &Value,
    ) -> Result<Completion, Failure> {
        let Some(found) = self.plan.providers.get(provider) else {
            let message = format!("no provider of models is named `{provider}`");
            return Err(Failure::new(ErrorCode::UnknownModel, message));
        };
        let request: Request = request.to().map_err(|error| {
            Failure::new(ErrorCode::ModelFailed, format!("the request cannot be read: {error}"))
        })?;
        let context =
            LlmContext { cancel: ctx.cancel.clone(), idempotency_key: format!("{}/{address}", self.run) };
        let began = tokio::time::Instant::now();
        let price = found.capabilities(&request.model).and_then(|capabilities| capabilities.price);
        // A provider that knows what a call cost is believed.
        let priced = |usage: Usage| match &price {
            Some(price) if usage.cost.is_zero() => Usage { cost: price.of(&usage), ..usage },
            Some(_) | None => usage,
        };
        let failed = |error: LlmError| {
            let failure = Failure::from(error);
            Failure { usage: priced(failure.usage), ..failure }
        };
        let mut chunks = found.stream(&context, request).await.map_err(failed)?;
        let mut hasher = None;
        while let Some(chunk) = chunks.next().await {
            match chunk.map_err(failed)? {
                Chunk::Text { delta } => {
                    hasher.get_or_insert_with(blake3::Hasher::new).update(delta.as_bytes());
                    self.transient.emit(address, ctx.attempt, TransientEvent::Token { text: delta });
                }
                Chunk::Reasoning { .. } => {}
                Chunk::Done { mut response } => {
                    response.usage = priced(response.usage);
                    let labels = [("provider", provider)];
                    histogram(MetricName::LlmSeconds, &labels).record(began.elapsed().as_secs_f64());
                    return completed(provider, &response, hasher.as_ref());
                }
            }
        }
        let error = LlmError::new(LlmErrorKind::Truncated, "the answer broke off before its end");
        Err(error.into())
    }
}

fn completed(
    provider: &str,
    response: &Response,
    hasher: Option<&blake3::Hasher>,
) -> Result<Completion, Failure> {
    let usage = response.usage;
    for (direction, tokens) in [("input", usage.input), ("output", usage.output)] {
        let labels = [("provider", provider), ("direction", direction)];
        counter(MetricName::LlmTokens, &labels).increment(tokens);
    }
    let value = Value::from_serialize(response).map_err(|error| Failure {
        usage,
        ..Failure::new(ErrorCode::ModelFailed, format!("the answer cannot be kept: {error}"))
    })?;
    let stream = hasher.map(|hasher| BlobHash::from_bytes(*hasher.finalize().as_bytes()));
    Ok(Completion { value, usage, stream })
}
