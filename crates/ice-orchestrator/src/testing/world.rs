//! The world of one test: its tools and models, each behind something that keeps a list of the calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use ice_core::alert::{Alert, AlertSink};
use ice_core::blueprint::AlertChannel;
use ice_core::error::ErrorCode;
use ice_core::llm::{
    Chunk, ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities,
    Request, Response,
};
use ice_core::process::{Home, HostGrant, Isolation};
use ice_core::registry::{Registry, RegistryError};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;

use super::calls::{Call, Callee, Calls};
use super::cassette::Deck;
use super::crashing::is_within;
use super::fault::Fails;
use super::heard::{Heard, address};

/// What calls say that are to fail for good.
const DOOMED: &str = "to see what comes of it, this node fails for good";

/// What is outside of the engine in one test, and stays when the engine ends.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) calls: Calls,
    pub(super) deck: Option<Deck>,
    fails: Arc<Mutex<BTreeMap<String, Fails>>>,
    /// The nodes of which every call fails.
    doomed: Arc<[String]>,
    /// What models have answered.
    pub(super) answers: Heard<Result<Response, LlmError>>,
    /// What tools have given, if it comes from a cassette.
    pub(super) given: Heard<Result<Value, ToolError>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(fails: &BTreeMap<String, Fails>, doomed: &Arc<[String]>, deck: Option<Deck>) -> Self {
        let (fails, doomed) = (Arc::new(Mutex::new(fails.clone())), Arc::clone(doomed));
        Self { deck, fails, doomed, ..Self::default() }
    }

    fn is_doomed(&self, address: &str) -> bool {
        self.doomed.iter().any(|node| is_within(address, node))
    }

    /// The same registry, with everything that reaches outside watched.
    pub(super) fn watch(&self, mut registry: Registry) -> Result<Registry, RegistryError> {
        let tools: Vec<_> = registry.tools.list().cloned().collect();
        for inner in tools {
            let spec = inner.spec().clone();
            registry.tools.remove(&spec.name, Some(&spec.version));
            registry.tools.register(Arc::new(WatchedTool { inner, world: self.clone() }) as Arc<dyn Tool>)?;
        }
        let providers: Vec<_> = registry.providers.list().cloned().collect();
        for inner in providers {
            registry.providers.remove(inner.name(), None);
            let watched = WatchedProvider { inner, world: self.clone() };
            registry.providers.register(Arc::new(watched) as Arc<dyn LlmProvider>)?;
        }
        let channels: Vec<_> = registry.alerts.channels().collect();
        for channel in channels {
            if let Some(inner) = registry.alerts.get(channel).cloned() {
                let sink = WatchedSink { inner, channel, world: self.clone() };
                registry.alerts.register(channel, Arc::new(sink));
            }
        }
        Ok(registry)
    }

    /// How the next call of a tool is to fail, if it is.
    fn failing(&self, tool: &str) -> Option<Fails> {
        let mut fails = lock(&self.fails);
        let fails = fails.get_mut(tool)?;
        fails.times = fails.times.checked_sub(1)?;
        Some(fails.clone())
    }
}

#[derive(Debug)]
struct WatchedTool {
    inner: Arc<dyn Tool>,
    world: World,
}

impl WatchedTool {
    /// What the cassette says; to a call that is made again after a crash, the same.
    async fn played(&self, deck: &Deck, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let key = ctx.idempotency_key();
        let (attempt, known) = self.world.given.ask(&key);
        if let Some(known) = known {
            return known;
        }
        let given = deck.tool(&*self.inner, ctx, input).await;
        self.world.given.keep(&key, attempt, given.clone());
        given
    }
}

#[async_trait]
impl Tool for WatchedTool {
    fn spec(&self) -> &ToolSpec {
        self.inner.spec()
    }

    fn effect(&self, input: &Value) -> Effect {
        self.inner.effect(input)
    }

    fn home(&self, isolation: Isolation) -> Home {
        self.inner.home(isolation)
    }

    fn hosts(&self, input: &Value) -> Vec<HostGrant> {
        self.inner.hosts(input)
    }

    fn secrets(&self) -> Vec<&str> {
        self.inner.secrets()
    }

    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let name = self.spec().name.clone();
        let call = Call {
            callee: Callee::Tool,
            address: ctx.path.to_string(),
            key: ctx.idempotency_key(),
            effect: self.inner.effect(&input),
            input: input.clone(),
            ended: None,
            name: name.clone(),
        };
        let number = self.world.calls.begin(call);
        let act = async {
            match &self.world.deck {
                Some(deck) => self.played(deck, ctx, input).await,
                None => self.inner.call(ctx, input).await,
            }
        };
        let result = match self.world.failing(&name) {
            _ if self.world.is_doomed(ctx.path.as_str()) => {
                Err(ToolError::refused(ErrorCode::ToolFailed, DOOMED))
            }
            Some(fails) => {
                if fails.performed {
                    let _lost = act.await;
                }
                Err(fails.error)
            }
            None => act.await,
        };
        self.world.calls.end(number, result.clone().map_err(|error| error.message));
        result
    }
}

#[derive(Debug)]
struct WatchedProvider {
    inner: Arc<dyn LlmProvider>,
    world: World,
}

impl WatchedProvider {
    async fn answer(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        if self.world.is_doomed(address(&ctx.idempotency_key)) {
            return Err(LlmError::new(LlmErrorKind::InvalidRequest, DOOMED));
        }
        let (attempt, known) = self.world.answers.ask(&ctx.idempotency_key);
        if let Some(known) = known {
            return known;
        }
        let answer = match &self.world.deck {
            Some(deck) => deck.model(&*self.inner, ctx, request).await,
            None => self.inner.complete(ctx, request).await,
        };
        self.world.answers.keep(&ctx.idempotency_key, attempt, answer.clone());
        answer
    }
}

#[async_trait]
impl LlmProvider for WatchedProvider {
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
        let call = Call {
            callee: Callee::Model,
            name: self.name().to_owned(),
            address: address(&ctx.idempotency_key).to_owned(),
            key: ctx.idempotency_key.clone(),
            effect: Effect::Idempotent,
            input: Value::from_serialize(&request).unwrap_or_default(),
            ended: None,
        };
        let number = self.world.calls.begin(call);
        let answer = self.answer(ctx, request).await;
        let told = answer.as_ref().map(|response| Value::from(response.message.joined_text()));
        self.world.calls.end(number, told.map_err(|error| error.message.clone()));
        answer
    }

    /// The whole answer, in pieces: what comes in between is shown live and counts for nothing.
    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        let response = self.complete(ctx, request).await?;
        let text = response.message.joined_text();
        let pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let pieces = pieces.into_iter().map(|delta| Ok(Chunk::Text { delta }));
        Ok(futures::stream::iter(pieces.chain([Ok(Chunk::Done { response })])).boxed())
    }
}

#[derive(Debug)]
struct WatchedSink {
    inner: Arc<dyn AlertSink>,
    channel: AlertChannel,
    world: World,
}

#[async_trait]
impl AlertSink for WatchedSink {
    async fn send(&self, ctx: &ToolContext, alert: &Alert) -> Result<(), ToolError> {
        let call = Call {
            callee: Callee::Alert,
            name: self.channel.as_str().to_owned(),
            address: ctx.path.to_string(),
            key: alert.idempotency_key.clone(),
            effect: Effect::Idempotent,
            input: Value::from_serialize(alert).unwrap_or_default(),
            ended: None,
        };
        let number = self.world.calls.begin(call);
        let sent = self.inner.send(ctx, alert).await;
        self.world.calls.end(number, sent.clone().map(|()| Value::Null).map_err(|error| error.message));
        sent
    }
}
