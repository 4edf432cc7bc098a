//! An agent with a long conversation: what each of its rounds costs beside the model's and the tools' own time, and what its
//! journal takes.
//!
//!     cargo bench -p ice-orchestrator --bench conversation
//!
//! A hundred calls of the model, each of which asks for one tool; both give 4 KB, so that the last request has 800 KB, about
//! 200,000 tokens. The store is in memory: what is measured is work, not waiting for a disk.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark fails loudly and prints"
)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt;
use ice_core::blueprint::{Format, read};
use ice_core::id::{Principal, Tenant};
use ice_core::llm::{
    Chunk, ChunkStream, Estimate, FinishReason, LlmContext, LlmError, LlmProvider, Message,
    ModelCapabilities, Part, Request, Response, Role, Usage,
};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::store::{Key, MemoryBlobs, MemoryStore, Store};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::RunOptions;
use ice_orchestrator::workflow::compile;

const ROUNDS: usize = 100;
const TEXT: usize = 4_000;
/// Runs, of which the fastest counts for each round.
const TIMES: usize = 15;

/// A text of its own for every number.
fn text(number: usize) -> String {
    let word = format!("{number:07} ");
    word.repeat(TEXT / word.len())
}

/// When each call began, and when its answer was there.
#[derive(Debug, Default)]
struct Model {
    calls: Mutex<Vec<(Instant, Instant)>>,
}

#[async_trait]
impl LlmProvider for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    fn capabilities(&self, _model: &str) -> Option<ModelCapabilities> {
        None
    }

    fn estimate(&self, _request: &Request) -> Estimate {
        Estimate { input_tokens: 0, max_output_tokens: 0 }
    }

    async fn complete(&self, _ctx: &LlmContext, request: Request) -> Result<Response, LlmError> {
        let began = Instant::now();
        let mut calls = self.calls.lock().expect("nobody panics");
        let number = calls.len() % ROUNDS;
        let mut parts = vec![Part::Text { text: text(number) }];
        let is_last = number + 1 == ROUNDS;
        if !is_last {
            let arguments = Value::map([("number", Value::from(ROUNDS + number))]);
            parts.push(Part::ToolCall { id: format!("call_{number}"), name: "look".to_owned(), arguments });
        }
        drop(request);
        calls.push((began, Instant::now()));
        Ok(Response {
            message: Message { role: Role::Assistant, parts },
            usage: Usage { input: 1, output: 1, ..Usage::default() },
            finish: if is_last { FinishReason::Stop } else { FinishReason::ToolCalls },
            model: "m".to_owned(),
        })
    }

    async fn stream(&self, ctx: &LlmContext, request: Request) -> Result<ChunkStream, LlmError> {
        let response = self.complete(ctx, request).await?;
        Ok(futures::stream::iter([Ok(Chunk::Done { response })]).boxed())
    }
}

#[derive(Debug)]
struct Look(ToolSpec);

#[async_trait]
impl Tool for Look {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let number = input.get("number").and_then(Value::as_u64).unwrap_or_default();
        Ok(Value::from(text(usize::try_from(number).unwrap_or_default())))
    }
}

fn registry(model: &Arc<Model>) -> Registry {
    let mut registry = Registry::default();
    let look = Look(ToolSpec {
        name: "look".to_owned(),
        version: semver::Version::new(1, 0, 0),
        description: "Looks.".to_owned(),
        input_schema: Value::Bool(true),
        output_schema: Value::Bool(true),
        effect: Effect::Idempotent,
        capabilities: Vec::new(),
    });
    registry.tools.register(Arc::new(look) as Arc<dyn Tool>).expect("a tool");
    registry.providers.register(Arc::clone(model) as Arc<dyn LlmProvider>).expect("a provider");
    let agent = "{name: long, tools: [look], llm_config: {provider: model, model: m}}";
    let agent = AgentDefinition::read(agent, Format::Yaml, "long.yaml").value.expect("an agent");
    registry.agents.register(Arc::new(agent)).expect("an agent");
    registry
}

/// One conversation: what lies between each answer and the next call, and the bytes of its journal.
async fn converse() -> (Vec<Duration>, usize) {
    let model = Arc::new(Model::default());
    let registry = registry(&model);
    let yaml = format!("nodes: [{{id: a, type: agent, package: long, max_iterations: {ROUNDS}}}]");
    let reading = read(&yaml, Format::Yaml, "long.yaml");
    let checked =
        reading.check(&registry.catalog(ice_orchestrator::executable_kinds())).expect("it is sound");
    let plan = compile(&checked, &registry).expect("a plan");
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let blobs = Arc::new(MemoryBlobs::new());
    let engine = Engine::builder().store(Arc::clone(&store), blobs).registry(registry).build();
    let by: Principal = "user:bench".parse().expect("a principal");
    let run = engine.start(&plan, Value::Null, RunOptions::default(), &by, &Tenant::default()).await;
    let run = run.expect("it starts");
    let end = run.wait().await.expect("it ends");
    let output = end.output.get("a").expect("it succeeds");
    assert_eq!(output.get("iterations"), Some(&Value::from(ROUNDS)), "{:?}", end.failures);
    let calls = model.calls.lock().expect("nobody panics").clone();
    let gaps = calls.iter().zip(calls.iter().skip(1));
    let gaps = gaps.map(|((_, ended), (began, _))| began.duration_since(*ended)).collect();
    let all = store
        .scan(&Key::tenant(&Tenant::default()).folder("journal"), None, 100_000)
        .await
        .expect("it is read");
    (gaps, all.iter().map(|entry| entry.value.len()).sum())
}

fn main() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut best = vec![Duration::MAX; ROUNDS - 1];
        let mut bytes = 0;
        for _ in 0..TIMES {
            let (gaps, size) = tokio::spawn(converse()).await.expect("it ends");
            bytes = size;
            for (best, gap) in best.iter_mut().zip(gaps) {
                *best = (*best).min(gap);
            }
        }
        let micros = |span: &Duration| span.as_secs_f64() * 1e6;
        for (round, gap) in best.iter().enumerate().filter(|(round, _)| round % 14 == 0) {
            println!("before call {:3}  {:7.1} µs", round + 2, micros(gap));
        }
        let mean = |gaps: &[Duration]| gaps.iter().map(micros).sum::<f64>() / gaps.len() as f64;
        let (first, last) = (mean(best.split_at(5).0), mean(best.split_at(best.len() - 5).1));
        println!("first five {first:.1} µs, last five {last:.1} µs, ratio {:.2}", last / first);
        println!("journal {:.2} MB", bytes as f64 / 1e6);
    });
}
