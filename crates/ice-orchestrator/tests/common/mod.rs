//! What the engine's tests share: a few tools, and blueprints written as YAML.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ice_core::blueprint::{Format, read};
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::llm::{
    ChunkStream, Echo, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities, Request,
    Response, Usage,
};
use ice_core::registry::{NamedBlueprint, Registry};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::RunOptions;
use ice_orchestrator::workflow::{Plan, compile};

/// Panics when it is dropped.
struct Defect;

impl Drop for Defect {
    fn drop(&mut self) {
        panic!("a defect");
    }
}

/// A tool made of a closure.
pub(crate) struct Made<F> {
    spec: ToolSpec,
    body: F,
}

impl<F> Made<F> {
    pub(crate) const fn new(spec: ToolSpec, body: F) -> Self {
        Self { spec, body }
    }
}

impl<F> std::fmt::Debug for Made<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("spec", &self.spec).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl<F, R> Tool for Made<F>
where
    F: Fn(ToolContext, Value) -> R + Send + Sync,
    R: Future<Output = Result<Value, ToolError>> + Send,
{
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        (self.body)(ctx.clone(), input).await
    }
}

pub(crate) fn tool<F, R>(name: &str, effect: Effect, body: F) -> Arc<dyn Tool>
where
    F: Fn(ToolContext, Value) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Value, ToolError>> + Send + 'static,
{
    let spec = ToolSpec {
        name: name.to_owned(),
        version: "1.0.0".parse().unwrap(),
        description: "A tool of a test.".to_owned(),
        input_schema: Value::Bool(true),
        output_schema: Value::Bool(true),
        effect,
        capabilities: Vec::new(),
    };
    Arc::new(Made { spec, body })
}

/// The tools of the tests: `same` gives its `value`, `add` adds `a` and `b`, `fail` fails, `flaky` fails until
/// its third call, `panic` panics, `wait` waits until it is cancelled, `deaf` ignores its cancellation,
/// `panics_at_its_end` and `panics_when_given_up`, which is as deaf, panic when they are dropped.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    let calls = Arc::new(AtomicU32::new(0));
    let tools =
        [
            tool("same", Effect::Pure, |_, input| async move {
                Ok(input.get("value").cloned().unwrap_or_default())
            }),
            tool("add", Effect::Pure, |_, input| async move {
                let number = |name| input.get(name).and_then(Value::as_i64).unwrap_or_default();
                Ok(Value::from(number("a") + number("b")))
            }),
            tool("fail", Effect::Pure, |_, _| async {
                Err(ToolError::failed(ErrorCode::ToolFailed, "it always fails"))
            }),
            tool("flaky", Effect::Idempotent, move |ctx, _| {
                let calls = Arc::clone(&calls);
                async move {
                    tokio::task::yield_now().await;
                    if calls.fetch_add(1, Ordering::SeqCst) < 2 {
                        return Err(ToolError::failed(ErrorCode::ToolFailed, "not yet"));
                    }
                    Ok(Value::from(ctx.attempt))
                }
            }),
            tool("panic", Effect::Pure, |_, _| async { panic!("a defect") }),
            tool("wait", Effect::Irreversible, |ctx, _| async move {
                ctx.cancel.cancelled().await;
                Err(ToolError::cancelled())
            }),
            tool("deaf", Effect::Pure, |_, _| std::future::pending()),
            tool("panics_at_its_end", Effect::Pure, |_, _| async {
                let _defect = Defect;
                Ok(Value::Null)
            }),
            tool("panics_when_given_up", Effect::Pure, |_, _| async {
                let _defect = Defect;
                std::future::pending().await
            }),
        ];
    for tool in tools {
        registry.tools.register(tool).unwrap();
    }
    let echo: Arc<dyn LlmProvider> = Arc::new(Echo);
    registry.providers.register(echo).unwrap();
    registry
}

/// A provider named `vendor`: it has these models, or any if none are given, and answers as `echo` does, or
/// waits until it is cancelled and has spent so much by then.
#[derive(Debug)]
pub(crate) struct Vendor {
    pub(crate) models: Option<Vec<String>>,
    pub(crate) waits: Option<Usage>,
}

#[async_trait::async_trait]
impl LlmProvider for Vendor {
    fn name(&self) -> &str {
        "vendor"
    }

    fn capabilities(&self, model: &str) -> Option<ModelCapabilities> {
        Echo.capabilities(model)
    }

    fn models(&self) -> Option<Vec<String>> {
        self.models.clone()
    }

    fn estimate(&self, request: &Request) -> Estimate {
        Echo.estimate(request)
    }

    async fn complete(&self, ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        if let Some(usage) = self.waits {
            ctx.cancel.cancelled().await;
            return Err(LlmError { usage, ..LlmError::new(LlmErrorKind::Cancelled, "cancelled") });
        }
        Echo.complete(ctx, request).await
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        match self.waits {
            Some(_) => Err(self.complete(ctx, request).await.unwrap_err()),
            None => Echo.stream(ctx, request).await,
        }
    }
}

/// Reads, checks and compiles a blueprint.
pub(crate) fn plan(yaml: &str, registry: &Registry) -> Arc<Plan> {
    let reading = read(yaml, Format::Yaml, "test.yaml");
    let checked = reading.check(&registry.catalog(ice_orchestrator::executable_kinds()));
    compile(&checked.unwrap_or_else(|problems| panic!("{problems}")), registry).unwrap()
}

pub(crate) fn with_blueprint(registry: &mut Registry, name: &str, yaml: &str) {
    let blueprint = read(yaml, Format::Yaml, "sub.yaml").blueprint.unwrap();
    registry.blueprints.register(NamedBlueprint::new(name, blueprint)).unwrap();
}

pub(crate) fn me() -> Principal {
    "user:test".parse().unwrap()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Runs a blueprint in memory to its end.
pub(crate) async fn run_with(yaml: &str, inputs: &str, options: RunOptions) -> Arc<RunEnd> {
    let registry = registry();
    let plan = plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle = engine.start(&plan, json(inputs), options, &me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    replays(&engine, end.id).await;
    end
}

/// Whatever a run has done comes out the same when its journal is gone through again.
pub(crate) async fn replays(engine: &Engine, run: RunId) {
    let replayed = engine.replay(&Tenant::default(), run, None).await.unwrap();
    assert_eq!(replayed.divergence.map(|divergence| divergence.to_string()), None);
}

pub(crate) async fn run(yaml: &str, inputs: &str) -> Arc<RunEnd> {
    run_with(yaml, inputs, RunOptions::default()).await
}

/// The tools of [`registry`], and `pure`, `idempotent`, `compensable`, `irreversible`, named after their effect.
pub(crate) fn effects() -> Registry {
    let mut registry = registry();
    let effects = [Effect::Pure, Effect::Idempotent, Effect::Compensable, Effect::Irreversible];
    for (name, effect) in ["pure", "idempotent", "compensable", "irreversible"].into_iter().zip(effects) {
        registry.tools.register(tool(name, effect, |_, _| async { Ok(Value::Null) })).unwrap();
    }
    registry
}
