//! Engines that end at any point, and those that go on after them.

use std::sync::Arc;
use std::time::Duration;

use ice_core::blueprint::VersionLock;
use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::llm::LlmProvider;
use ice_core::store::{Batch, Durability, Key};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd, RunError, RunFilter};
use ice_orchestrator::journal::{Decision, PinnedModel, RunOptions, RunStatus};

use crate::common::{Vendor, json, me, plan};
use crate::world::{Fault, Ground, World};

/// Something of every kind, with effects of every kind.
pub(crate) const YAML: &str = "nodes:
- {id: a, type: tool, tool_name: pure, tool_args: {value: [1, 2, 3]}}
- {id: b, type: tool, tool_name: once, dependencies: [a]}
- {id: c, type: tool, tool_name: again, dependencies: [a]}
- {id: r, type: tool, tool_name: breaks_once, retry_policy: {max_attempts: 2, backoff_seconds: 0}}
- id: each
  type: loop
  items_source: a
  body:
  - {id: one, type: tool, tool_name: again, tool_args: {value: '{{ item }}'}}
  - {id: two, type: tool, tool_name: pure, tool_args: {value: ['{{ one }}', '{{ loop_index }}']}}
- id: big
  type: condition
  expression: c == 'c'
  true_path: [{id: x, type: tool, tool_name: once}]
- id: both
  type: parallel
  dependencies: [b]
  branches:
  - [{id: p, type: tool, tool_name: again}]
  - [{id: q, type: llm, provider: echo, model: e, prompt: 'hello {{ b }}'}]
- {id: end, type: tool, tool_name: pure, tool_args: {value: ['{{ each }}', '{{ big.branch_outputs }}', '{{ both.merged.p }}']}}";

fn expected() -> Value {
    json(r#"[[[1,0],[2,1],[3,2]],{"x":"big.true.x"},"both.branches[0].p"]"#)
}

/// A runtime of its own, to be torn down with all its tasks.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub(crate) async fn only_run(engine: &Engine) -> Option<RunId> {
    engine.list(&Tenant::default(), &RunFilter::default()).await.unwrap().first().map(|run| run.id)
}

/// Resumes until the run ends, deciding as told whenever it is parked.
pub(crate) async fn to_the_end(engine: &Engine, run: RunId, decision: Decision) -> (Arc<RunEnd>, usize) {
    let mut parked = 0;
    loop {
        let decided = (parked > 0).then_some(decision);
        let handle = engine.resume(&Tenant::default(), run, &me(), decided).await.unwrap();
        let end = handle.wait().await.unwrap();
        crate::common::replays(engine, run).await;
        if end.status != RunStatus::Parked {
            return (end, parked);
        }
        assert_eq!(end.failure.as_ref().unwrap().code, ErrorCode::RunInDoubt);
        parked += 1;
        assert!(parked < 10);
    }
}

#[test]
fn an_engine_that_ends_after_any_commit_is_continued_by_the_next() {
    let (mut parked, mut ended) = (0, 0);
    for commits in 0..60 {
        let (ground, world) = (Ground::new(), World::default());
        let first = runtime();
        let finished = first.block_on(async {
            let (engine, struck) = ground.faulty(&world, commits, Fault::Hang);
            let plan = plan(YAML, engine.registry());
            let run = async {
                let started =
                    engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await;
                started.unwrap().wait().await.unwrap()
            };
            tokio::select! {
                end = run => Some(end),
                () = struck.notified() => None,
            }
        });
        first.shutdown_timeout(Duration::from_secs(5));
        if let Some(end) = finished {
            assert_eq!(end.output.get("end"), Some(&expected()));
            ended += 1;
            continue;
        }
        runtime().block_on(async {
            let engine = ground.engine(&world).build();
            // Without a commit there is no run.
            let Some(run) = only_run(&engine).await else { return assert_eq!(commits, 0) };
            let (end, times) = to_the_end(&engine, run, Decision::Repeat).await;
            assert_eq!((end.status, end.output.get("end")), (RunStatus::Succeeded, Some(&expected())));
            world.assert_keys();
            if times == 0 {
                assert_eq!(world.repeated("x"), Vec::<String>::new());
                assert_eq!(world.count("b"), 1);
            }
            parked += times;
            let document = engine.show(&Tenant::default(), run).await.unwrap();
            assert_eq!(
                (document.status, document.output.get("end")),
                (RunStatus::Succeeded, Some(&expected()))
            );
            engine.close().await;
        });
    }
    assert!(parked > 0 && ended > 0, "{parked} {ended}");
}

#[tokio::test]
async fn an_irreversible_node_in_doubt_waits_for_a_decision() {
    let yaml = "nodes: [{id: n, type: tool, tool_name: shot}, {id: m, type: tool, tool_name: pure, dependencies: [n]}]";
    for decision in [Decision::Repeat, Decision::Fail] {
        let (ground, world) = (Ground::new(), World::default());
        world.shut();
        let first = ground.engine(&world).build();
        let plan = plan(yaml, first.registry());
        let handle =
            first.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
        world.arrival().await;
        first.close().await;
        world.open();

        let second = ground.engine(&world).build();
        for _ in 0..2 {
            let handle = second.resume(&Tenant::default(), handle.id(), &me(), None).await.unwrap();
            let end = handle.wait().await.unwrap();
            let failure = end.failure.as_ref().unwrap();
            assert_eq!((end.status, failure.code), (RunStatus::Parked, ErrorCode::RunInDoubt));
            assert!(failure.message.contains("`n`"), "{failure}");
            assert_eq!(world.count("n"), 1);
        }
        let other = "user:other".parse().unwrap();
        let resumed = second.resume(&Tenant::default(), handle.id(), &other, Some(decision)).await.unwrap();
        let end = resumed.wait().await.unwrap();
        let document = second.show(&Tenant::default(), handle.id()).await.unwrap();
        assert_eq!(document.status, end.status);
        match decision {
            Decision::Repeat => {
                assert_eq!(end.output, json(r#"{"n": "n", "m": "m"}"#));
                assert_eq!(world.count("n"), 2);
                world.assert_keys();
            }
            Decision::Fail => {
                assert_eq!((end.status, world.count("n")), (RunStatus::Failed, 1));
                assert_eq!(end.failures[0].failure.code, ErrorCode::RunInDoubt);
                assert_eq!(document.failures.len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_ends_the_run_with_its_error_and_leaves_it_to_the_next() {
    let mut failed = 0;
    for commits in 0.. {
        let (ground, world) = (Ground::new(), World::default());
        let (engine, _) = ground.faulty(&world, commits, Fault::Fail);
        let plan = plan(YAML, engine.registry());
        let started =
            engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await;
        let error = match started {
            Err(error) => error,
            Ok(handle) => match handle.wait().await {
                Err(error) => error,
                Ok(_) => break,
            },
        };
        failed += 1;
        assert!(matches!(error, RunError::Store(_)), "{error}");
        assert_eq!(error.code(), ErrorCode::StoreUnavailable);
        engine.close().await;
        let engine = ground.engine(&world).build();
        if let Some(run) = only_run(&engine).await {
            let (end, _) = to_the_end(&engine, run, Decision::Repeat).await;
            assert_eq!(end.output.get("end"), Some(&expected()));
        }
    }
    assert!(failed > 3, "{failed}");
}

#[tokio::test]
async fn closing_joins_everything_and_the_run_goes_on_elsewhere() {
    let yaml = "nodes:
- {id: n, type: tool, tool_name: gate}
- {id: m, type: tool, tool_name: pure, dependencies: [n]}";
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).build();
    let plan = plan(yaml, first.registry());
    let handle =
        first.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    world.arrival().await;
    first.clone().close().await;
    assert!(matches!(handle.wait().await.unwrap_err(), RunError::Closing));
    assert_eq!(first.active(), Vec::new());
    let refused = first.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await;
    assert!(matches!(refused.unwrap_err(), RunError::Closing));

    world.open();
    let second = ground.engine(&world).build();
    let handles = second.resume_all(&Tenant::default(), &me()).await.unwrap().runs;
    assert_eq!(
        handles.iter().map(ice_orchestrator::engine::RunHandle::id).collect::<Vec<_>>(),
        [handle.id()]
    );
    let end = handles[0].wait().await.unwrap();
    assert_eq!(end.output, json(r#"{"n": "n", "m": "m"}"#));
    assert_eq!(world.count("n"), 2);
    world.assert_keys();
    let again = second.resume(&Tenant::default(), handle.id(), &me(), None).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::RunState);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_keep_the_engine_from_closing() {
    let (ground, world) = (Ground::new(), World::default());
    let (engine, struck) = ground.faulty(&world, 1, Fault::Hang);
    let plan = plan(YAML, engine.registry());
    let handle =
        engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    struck.notified().await;
    engine.close().await;
    assert!(matches!(handle.wait().await.unwrap_err(), RunError::Closing));
}

#[tokio::test]
async fn taking_a_run_up_many_times_at_once_drives_it_once() {
    let yaml = "nodes: [{id: n, type: tool, tool_name: gate}]";
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).build();
    let plan = plan(yaml, first.registry());
    let run =
        first.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    world.arrival().await;
    first.close().await;
    let second = ground.engine(&world).build();
    let (tenant, by) = (Tenant::default(), me());
    let taken = (0..8).map(|_| second.resume(&tenant, run.id(), &by, None));
    let handles = futures::future::join_all(taken).await;
    world.open();
    for handle in handles {
        assert_eq!(handle.unwrap().wait().await.unwrap().status, RunStatus::Succeeded);
    }
    assert_eq!(world.count("n"), 2);
    let document = second.show(&tenant, run.id()).await.unwrap();
    assert_eq!((document.records, second.active()), (5, Vec::new()));
}

#[tokio::test]
async fn a_change_of_what_a_run_is_bound_to_parks_it_until_it_is_undone() {
    let yaml = "nodes: [{id: n, type: tool, tool_name: gate}, {id: m, type: tool, tool_name: again, dependencies: [n]}]";
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).build();
    let plan = plan(yaml, first.registry());
    let run =
        first.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    world.arrival().await;
    first.close().await;
    world.open();

    let mut without = world.registry();
    assert_eq!(without.tools.remove("again", None).len(), 1);
    for _ in 0..2 {
        let second = ground.engine(&world).registry(without.clone()).build();
        let end =
            second.resume(&Tenant::default(), run.id(), &me(), None).await.unwrap().wait().await.unwrap();
        let failure = end.failure.clone().unwrap();
        assert_eq!((end.status, failure.code), (RunStatus::Parked, ErrorCode::PinMismatch));
        assert!(failure.message.contains("again"), "{failure}");
        let document = second.show(&Tenant::default(), run.id()).await.unwrap();
        assert_eq!((document.status, document.failure), (RunStatus::Parked, Some(failure)));
        assert!(second.resume_all(&Tenant::default(), &me()).await.unwrap().runs.is_empty());
        second.close().await;
    }
    let third = ground.engine(&world).build();
    let end = third.resume(&Tenant::default(), run.id(), &me(), None).await.unwrap().wait().await.unwrap();
    assert_eq!(end.output, json(r#"{"n": "n", "m": "m"}"#));
}

#[tokio::test]
async fn a_plan_that_an_older_version_wrote_with_fewer_defaults_goes_on() {
    let yaml = "nodes: [{id: n, type: tool, tool_name: gate}]";
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).build();
    let plan = plan(yaml, first.registry());
    let run =
        first.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    world.arrival().await;
    first.close().await;
    world.open();

    let plans = Key::tenant(&Tenant::default()).folder("plan");
    let kept = ground.store.scan(&plans, None, 10).await.unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&kept[0].value).unwrap();
    assert!(document["blueprint"].as_object_mut().unwrap().remove("metadata").is_some());
    document["lock"] = VersionLock::of(&json(&document["blueprint"].to_string())).to_string().into();
    let batch = Batch::new().put(kept[0].key.clone(), document.to_string());
    ground.store.commit(batch, Durability::Buffered).await.unwrap();

    let second = ground.engine(&world).build();
    let end = second.resume(&Tenant::default(), run.id(), &me(), None).await.unwrap().wait().await.unwrap();
    assert_eq!((end.status, &end.failure), (RunStatus::Succeeded, &None));
}

#[tokio::test]
async fn a_model_that_is_not_offered_any_more_parks_the_run() {
    let yaml = "nodes:
- {id: g, type: tool, tool_name: gate}
- {id: n, type: llm, provider: vendor, model: old, llm_config: {model: new}, prompt: hello, dependencies: [g]}
- {id: m, type: llm, provider: vendor, model: '{{ inputs.m }}', prompt: hello, dependencies: [g]}";
    let (ground, world) = (Ground::new(), World::default());
    let with = |models: &[&str]| {
        let mut registry = world.registry();
        let models = Some(models.iter().map(|model| (*model).to_owned()).collect());
        let vendor: Arc<dyn LlmProvider> = Arc::new(Vendor { models, waits: None });
        registry.providers.register(vendor).unwrap();
        ground.engine(&world).registry(registry).build()
    };
    world.shut();
    let first = with(&["old", "new"]);
    let plan = plan(yaml, first.registry());
    let pinned = PinnedModel { provider: "vendor".to_owned(), model: "new".to_owned() };
    assert_eq!(plan.pinned().models, [pinned]);
    let tenant = Tenant::default();
    let inputs = json(r#"{"m": "old"}"#);
    let run = first.start(&plan, inputs, RunOptions::default(), &me(), &tenant).await.unwrap();
    world.arrival().await;
    first.close().await;
    world.open();

    let second = with(&["old"]);
    let end = second.resume(&tenant, run.id(), &me(), None).await.unwrap().wait().await.unwrap();
    let failure = end.failure.clone().unwrap();
    assert_eq!((end.status, failure.code), (RunStatus::Parked, ErrorCode::PinMismatch));
    let message =
        "what the run is bound to has changed: the provider `vendor` does not offer the model `new` any more";
    assert_eq!(failure.message, message);
    second.close().await;
    let third = with(&["new"]);
    let end = third.resume(&tenant, run.id(), &me(), None).await.unwrap().wait().await.unwrap();
    assert_eq!((end.status, &end.failure), (RunStatus::Succeeded, &None));
}
