//! Forks: a run begins where another came to a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::common::{json, me, registry, tool};
use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::tools::{Effect, ToolError};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, Fork, RunEnd, RunError};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use ice_orchestrator::workflow::Plan;

/// An engine whose tool `act` cannot be repeated and counts its calls; it waits as many milliseconds as it is told.
#[cfg(test)]
struct Ground {
    engine: Engine,
    acts: Arc<AtomicU32>,
}

#[cfg(test)]
impl Ground {
    fn new() -> Self {
        let acts = Arc::new(AtomicU32::new(0));
        let mut registry = registry();
        let counted = Arc::clone(&acts);
        let act = tool("act", Effect::Irreversible, move |_, input| {
            let counted = Arc::clone(&counted);
            async move {
                let millis = input.get("ms").and_then(Value::as_i64).unwrap_or_default();
                tokio::time::sleep(Duration::from_millis(millis.unsigned_abs())).await;
                if input.get("fail").and_then(Value::as_bool) == Some(true) {
                    return Err(ToolError::failed(ErrorCode::ToolFailed, "it was told to"));
                }
                Ok(Value::from(counted.fetch_add(1, Ordering::SeqCst)))
            }
        });
        registry.tools.register(act).unwrap();
        Self { engine: Engine::builder().registry(registry).build(), acts }
    }

    fn plan(&self, yaml: &str) -> Arc<Plan> {
        crate::common::plan(yaml, self.engine.registry())
    }

    async fn run(&self, yaml: &str, inputs: &str) -> RunId {
        let options = RunOptions::default();
        let started =
            self.engine.start(&self.plan(yaml), json(inputs), options, &me(), &Tenant::default()).await;
        let handle = started.unwrap();
        handle.wait().await.unwrap();
        handle.id()
    }

    async fn fork(&self, run: RunId, fork: Fork) -> Result<Arc<RunEnd>, RunError> {
        let handle = self.engine.fork(&Tenant::default(), run, fork, &me()).await?;
        let end = handle.wait().await?;
        // A fork is a run like any other: it comes out the same when it is gone through again.
        let replayed = self.engine.replay(&Tenant::default(), end.id, None).await?;
        assert_eq!(replayed.divergence, None);
        Ok(end)
    }

    async fn show(&self, run: RunId) -> RunDocument {
        self.engine.show(&Tenant::default(), run).await.unwrap()
    }

    fn acts(&self) -> u32 {
        self.acts.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
fn at(node: &str) -> Fork {
    Fork::at(node.parse().unwrap())
}

const CHAIN: &str = "nodes:
- {id: a, type: tool, tool_name: act, tool_args: {ms: 0}}
- {id: ask, type: llm, provider: echo, model: echo, prompt: 'it is {{ a }} {{ inputs.x }}'}
- {id: end, type: tool, tool_name: same, tool_args: {value: '{{ ask.text }}!'}}";

#[tokio::test]
async fn what_was_before_is_kept_and_the_rest_is_done_with_what_changed() {
    let ground = Ground::new();
    let run = ground.run(CHAIN, r#"{"x": 1}"#).await;
    let before = ground.show(run).await;
    let change = [("ask.prompt".to_owned(), Value::from("now {{ a }}"))];
    let plan = ground.engine.plan_with(&Tenant::default(), run, &change).await.unwrap();
    let end = ground.fork(run, Fork { plan: Some(plan), ..at("ask") }).await.unwrap();
    assert_eq!(end.output.get("end"), Some(&Value::from("now 0!")));
    assert_eq!(ground.acts(), 1, "what cannot be repeated was not");
    assert_eq!(ground.show(run).await, before, "the other run is as it was");
    let forked = ground.show(end.id).await.forked.unwrap();
    assert_eq!((forked.run, forked.at.as_str()), (run, "ask"));
    // And once more, from the fork.
    let again = ground.fork(end.id, at("end")).await.unwrap();
    assert_eq!((again.output.get("end"), ground.acts()), (Some(&Value::from("now 0!")), 1));
    let forked = ground.show(again.id).await.forked.unwrap();
    assert_eq!((forked.seed, forked.before.len()), (run, 1));
}

#[tokio::test]
async fn what_was_under_way_beside_the_node_and_ended_later_is_not_done_again() {
    let ground = Ground::new();
    let yaml = "nodes:
- {id: slow, type: tool, tool_name: act, tool_args: {ms: 80}}
- {id: first, type: tool, tool_name: same, tool_args: {value: 1}}
- {id: x, type: tool, tool_name: act, tool_args: {ms: 1}, dependencies: [first]}
- {id: end, type: tool, tool_name: same, tool_args: {value: '{{ slow }} {{ x }}'}}";
    let run = ground.run(yaml, "{}").await;
    assert_eq!(ground.acts(), 2);
    let end = ground.fork(run, at("x")).await.unwrap();
    assert_eq!((end.status, ground.acts()), (RunStatus::Succeeded, 3), "{:?}", end.failures);
    assert_eq!(end.output.get("end"), Some(&Value::from("1 2")));
}

#[tokio::test]
async fn changes_that_reach_back_before_the_node_are_refused_with_where() {
    let ground = Ground::new();
    let run = ground.run(CHAIN, r#"{"x": 1}"#).await;
    let changed = Fork { inputs: Some(json(r#"{"x": 2}"#)), ..at("end") };
    let error = ground.fork(run, changed.clone()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ReplayDiverged);
    assert!(error.to_string().contains("`ask`") && error.to_string().contains("it is 0 2"), "{error}");
    let end = ground.fork(run, Fork { at: "ask".parse().unwrap(), ..changed }).await.unwrap();
    assert_eq!(end.output.get("end"), Some(&Value::from("it is 0 2!")));
    let error = ground.fork(run, at("nowhere")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NodeNotReached);
    assert_eq!(ground.engine.list(&Tenant::default(), &Default::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_node_of_a_loop_is_named_with_its_index_or_stands_for_the_first() {
    let ground = Ground::new();
    let yaml = "nodes:
- {id: each, type: loop, items_source: inputs.items, item_var: it, body: [{id: y, type: tool, tool_name: act}, {id: z, type: tool, tool_name: same, tool_args: {value: '{{ y }}'}}]}";
    let run = ground.run(yaml, r#"{"items": [1, 2, 3]}"#).await;
    for (node, results, acts) in [("each[1].body.y", "[0, 3, 4]", 5), ("each.body.y", "[5, 6, 7]", 8)] {
        let end = ground.fork(run, at(node)).await.unwrap();
        assert_eq!(end.output.get("each"), Some(&json(results)), "{node}: {:?}", end.failures);
        assert_eq!(ground.acts(), acts);
    }
    let error = ground.fork(run, at("y")).await.unwrap_err().to_string();
    assert!(error.contains("did you mean `each[0].body.y` or `each[1].body.y`"), "{error}");
}

#[tokio::test]
async fn a_run_that_failed_goes_on_from_there_with_the_cause_mended() {
    let ground = Ground::new();
    let yaml = "nodes:
- {id: a, type: tool, tool_name: act}
- {id: b, type: tool, tool_name: act, tool_args: {fail: true, n: '{{ a }}'}}
- {id: c, type: tool, tool_name: same, tool_args: {value: '{{ b }}'}}";
    let run = ground.run(yaml, "{}").await;
    assert_eq!(ground.show(run).await.status, RunStatus::Failed);
    let change = [("b.tool_args.fail".to_owned(), Value::from(false))];
    let plan = ground.engine.plan_with(&Tenant::default(), run, &change).await.unwrap();
    let end = ground.fork(run, Fork { plan: Some(plan), ..at("b") }).await.unwrap();
    assert_eq!(
        (end.status, end.output.get("c"), ground.acts()),
        (RunStatus::Succeeded, Some(&Value::from(1)), 2)
    );
    let wrong = [("b.tool_arg".to_owned(), Value::from(false))];
    let error = ground.engine.plan_with(&Tenant::default(), run, &wrong).await.unwrap_err();
    assert!(error.to_string().contains("did you mean `tool_args`"), "{error}");
}

#[tokio::test]
async fn what_began_beside_a_container_before_anything_ended_is_not_done_again() {
    let ground = Ground::new();
    let yaml = "nodes:
- {id: side, type: tool, tool_name: act, tool_args: {ms: 20}}
- {id: each, type: loop, items_source: inputs.items, item_var: it, body: [{id: y, type: tool, tool_name: act}]}";
    let run = ground.run(yaml, r#"{"items": [1]}"#).await;
    assert_eq!(ground.acts(), 2);
    let end = ground.fork(run, at("each")).await.unwrap();
    assert_eq!((end.status, ground.acts()), (RunStatus::Succeeded, 3), "{:?}", end.failures);
}

#[tokio::test]
async fn the_same_key_gives_the_same_fork() {
    let ground = Ground::new();
    let (run, other) = (ground.run(CHAIN, r#"{"x": 1}"#).await, ground.run(CHAIN, r#"{"x": 1}"#).await);
    let fork = |key: &str| Fork { idempotency_key: Some(key.to_owned()), ..at("ask") };
    let first = ground.fork(run, fork("k")).await.unwrap();
    assert_eq!(ground.fork(run, fork("k")).await.unwrap().id, first.id);
    assert_ne!(ground.fork(run, fork("l")).await.unwrap().id, first.id);
    assert_eq!(ground.fork(other, fork("k")).await.unwrap_err().code(), ErrorCode::StoreConflict);
}
