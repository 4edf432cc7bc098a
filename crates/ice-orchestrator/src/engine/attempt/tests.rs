use std::sync::Arc;

use ice_core::blueprint::{Format, read};
use ice_core::id::{Principal, Tenant};
use ice_core::registry::Registry;
use ice_core::store::{BlobStore, MemoryBlobs, MemoryStore, Store};
use ice_core::tools::{Tool, ToolContext, ToolError, ToolSpec};

use super::*;
use crate::engine::{Engine, RunHandle};
use crate::journal::{Body, Reader, RunOptions, RunStatus};
use crate::workflow::compile;
use crate::workflow::runtime::Ticket;

/// Waits until it is cancelled (`wait`), or gives the records of its run's journal that are in the store (`look`).
#[derive(Debug)]
struct Probe {
    spec: ToolSpec,
    store: Arc<dyn Store>,
    blobs: Arc<dyn BlobStore>,
}

#[async_trait]
impl Tool for Probe {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, ctx: &ToolContext, _input: Value) -> Result<Value, ToolError> {
        if self.spec.name == "wait" {
            ctx.cancel.cancelled().await;
            return Err(ToolError::cancelled());
        }
        let mut reader = Reader::new(Arc::clone(&self.store), Arc::clone(&self.blobs), &ctx.tenant, ctx.run);
        let mut names = Vec::new();
        for numbered in reader.read().await.unwrap() {
            let text = format!("{:?}", numbered.record.body);
            names.push(if let Body::Step { step, .. } = numbered.record.body {
                Value::from(format!("step {step}"))
            } else if let Body::Receipt { step, .. } = numbered.record.body {
                Value::from(format!("receipt {step}"))
            } else {
                Value::from(text.split([' ', '(']).next().unwrap_or_default())
            });
        }
        Ok(Value::from(names))
    }
}

const YAML: &str = "nodes:
- {id: n, type: tool, tool_name: wait}
- {id: m, type: tool, tool_name: look, dependencies: [n]}";

fn port(shared: &Arc<RunShared>, ticket: Ticket, receipts: Vec<(NodePath, Result<Value, Failure>)>) -> Port {
    Port {
        caller: Arc::new(Caller {
            shared: Arc::clone(shared),
            ticket,
            path: "n".parse().unwrap(),
            attempt: 1,
        }),
        receipts: receipts.into_iter().collect(),
        use_cache: true,
        asker: Asker::default(),
        conversation: Conversation::default(),
        asks: Mutex::default(),
    }
}

/// A run whose node `n` is under way.
async fn started() -> (Engine, RunHandle) {
    let (store, blobs): (Arc<dyn Store>, Arc<dyn BlobStore>) =
        (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let mut registry = Registry::default();
    for name in ["wait", "look"] {
        let spec = ToolSpec {
            name: name.to_owned(),
            version: "1.0.0".parse().unwrap(),
            description: "A tool of a test.".to_owned(),
            input_schema: Value::Bool(true),
            output_schema: Value::Bool(true),
            effect: Effect::Idempotent,
            capabilities: Vec::new(),
        };
        let tool = Probe { spec, store: Arc::clone(&store), blobs: Arc::clone(&blobs) };
        registry.tools.register(Arc::new(tool) as Arc<dyn Tool>).unwrap();
    }
    let checked = read(YAML, Format::Yaml, "test.yaml").check(&registry.catalog(crate::executable_kinds()));
    let plan = compile(&checked.unwrap(), &registry).unwrap();
    let engine = Engine::builder().store(store, blobs).registry(registry).build();
    let by = Principal::engine();
    let run = engine.start(&plan, Value::Null, RunOptions::default(), &by, &Tenant::default()).await.unwrap();
    run.shared.progress.wait_for(|progress| (progress.durable >= 2).then_some(())).await;
    (engine, run)
}

/// What an executor of several steps would be given for the attempt of `n`, whose ticket is its record's number.
fn context(run: &RunHandle, receipts: Vec<(NodePath, Result<Value, Failure>)>) -> StepContext {
    let shared = &run.shared;
    StepContext {
        path: "n".parse().unwrap(),
        attempt: 1,
        cancel: CancellationToken::new(),
        port: Arc::new(port(shared, 1, receipts)),
        call: None,
        agent: None,
        watch: None,
    }
}

fn address(index: usize) -> NodePath {
    format!("n.call[{index}]").parse().unwrap()
}

fn look() -> Intent {
    Intent::Tool { tool: Arc::from("look"), input: Value::Null }
}

#[tokio::test]
async fn the_intent_of_a_step_is_kept_before_it_is_carried_out_and_its_receipt_after() {
    let (engine, run) = started().await;
    let ctx = context(&run, Vec::new());
    let first = ctx.step(&address(0), look(), Effect::Irreversible).await.unwrap();
    let names = |value: &Value| value.as_list().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&first), [r#""Manifest""#, r#""Started""#, r#""step n.call[0]""#]);
    // A pure step does not wait for durability, but for its turn; the receipt of the first came before it.
    let second = ctx.step(&address(1), look(), Effect::Pure).await.unwrap();
    assert_eq!(names(&second)[3..], [r#""receipt n.call[0]""#, r#""step n.call[1]""#]);
    let unknown = Intent::Tool { tool: Arc::from("none"), input: Value::Null };
    let failed = ctx.step(&address(2), unknown, Effect::Idempotent).await.unwrap_err();
    assert_eq!(failed.code, ErrorCode::UnknownTool);
    let (third, fourth) = (address(3), address(4));
    let both = tokio::join!(
        ctx.step(&third, look(), Effect::Idempotent),
        ctx.step(&fourth, look(), Effect::Irreversible),
    );
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");

    run.cancel(&Principal::engine(), None).await.unwrap();
    assert_eq!(run.wait().await.unwrap().status, RunStatus::Cancelled);
    let mut reader =
        Reader::new(Arc::clone(engine.store()), Arc::clone(engine.blobs()), run.tenant(), run.id());
    let records = reader.read().await.unwrap();
    let receipts = records.iter().filter_map(|numbered| {
        let Body::Receipt { step, result, .. } = &numbered.record.body else { return None };
        Some((step.clone(), result.clone()))
    });
    let receipts: Vec<_> = receipts.collect();
    assert_eq!(receipts.len(), 5);
    assert_eq!(receipts[0], (address(0), Ok(first)));
    assert_eq!(receipts[2], (address(2), Err(failed)));
}

#[tokio::test]
async fn a_step_that_ended_before_a_crash_gives_its_receipt() {
    let (_engine, run) = started().await;
    let failure = Failure::new(ErrorCode::ToolFailed, "no");
    let ctx = context(&run, vec![(address(0), Ok(Value::from(7))), (address(1), Err(failure.clone()))]);
    assert_eq!(ctx.step(&address(0), look(), Effect::Irreversible).await, Ok(Value::from(7)));
    assert_eq!(ctx.step(&address(1), look(), Effect::Irreversible).await, Err(failure));
    let looked = ctx.step(&address(2), look(), Effect::Idempotent).await.unwrap();
    assert_eq!(looked.as_list().unwrap().len(), 3, "nothing was announced for the first two: {looked}");
}

#[tokio::test]
async fn a_step_of_an_attempt_that_was_given_up_does_not_begin() {
    let (_engine, run) = started().await;
    let shared = &run.shared;
    let stray = port(shared, 99, Vec::new());
    let refused = stray.announce(&address(0), &look(), Effect::Irreversible).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::RunCancelled);
    run.cancel(&Principal::engine(), None).await.unwrap();
    run.wait().await.unwrap();
    let ctx = context(&run, Vec::new());
    let refused = ctx.step(&address(0), look(), Effect::Pure).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::RunCancelled);
}
