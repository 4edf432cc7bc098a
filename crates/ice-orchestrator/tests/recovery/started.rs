//! Starting: idempotency keys, options, inputs, limits.

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::store::Durability;
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunError};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::common::{json, me, plan};
use crate::world::{Ground, World};

const ONE: &str = "nodes: [{id: n, type: tool, tool_name: once, tool_args: {value: '{{ inputs.v }}'}}]";

fn keyed(key: &str) -> RunOptions {
    RunOptions { idempotency_key: Some(key.to_owned()), ..RunOptions::default() }
}

#[tokio::test]
async fn the_same_key_gives_the_same_run() {
    let (ground, world) = (Ground::new(), World::default());
    let engine = ground.engine(&world).build();
    let plan_one = plan(ONE, engine.registry());
    let tenant = Tenant::default();
    let start = async |key: &str, inputs: &str| {
        engine.start(&plan_one, json(inputs), keyed(key), &me(), &tenant).await
    };
    let first = start("k", r#"{"v": 1}"#).await.unwrap();
    first.wait().await.unwrap();
    let again = start("k", r#"{"v": 1}"#).await.unwrap();
    assert_eq!((again.id(), world.count("n")), (first.id(), 1));
    assert_eq!(again.wait().await.unwrap().output, json(r#"{"n": 1}"#));
    let conflict = start("k", r#"{"v": 2}"#).await.unwrap_err();
    assert!(matches!(conflict, RunError::IdempotencyConflict { run } if run == first.id()));
    assert_eq!(conflict.code(), ErrorCode::StoreConflict);
    assert_ne!(start("l", r#"{"v": 1}"#).await.unwrap().id(), first.id());
    let other: Tenant = "other".parse().unwrap();
    let elsewhere = engine.start(&plan_one, json(r#"{"v": 1}"#), keyed("k"), &me(), &other).await.unwrap();
    assert_ne!(elsewhere.id(), first.id());
    let plan_two = plan(&ONE.replace("id: n", "id: m"), engine.registry());
    let conflict = engine.start(&plan_two, json(r#"{"v": 1}"#), keyed("k"), &me(), &tenant).await;
    assert_eq!(conflict.unwrap_err().code(), ErrorCode::StoreConflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_starts_with_one_key_one_wins() {
    let (ground, world) = (Ground::new(), World::default());
    let engine = ground.engine(&world).build();
    let plan = plan(ONE, engine.registry());
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (engine, plan) = (engine.clone(), plan.clone());
        starts.spawn(async move {
            let (inputs, tenant) = (json(r#"{"v": 1}"#), Tenant::default());
            let handle = engine.start(&plan, inputs, keyed("k"), &me(), &tenant).await.unwrap();
            (handle.id(), handle.wait().await.unwrap().status)
        });
    }
    let ends = starts.join_all().await;
    assert!(ends.iter().all(|end| *end == (ends[0].0, RunStatus::Succeeded)), "{ends:?}");
    assert_eq!(world.count("n"), 1);
    engine.drain().await;
    assert_eq!(engine.list(&Tenant::default(), &Default::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn options_out_of_range_are_refused() {
    let (ground, world) = (Ground::new(), World::default());
    let engine = ground.engine(&world).build();
    let plan = plan(ONE, engine.registry());
    let base = RunOptions::default;
    let long = "k".repeat(257);
    let cases = [
        ("max_parallel", RunOptions { max_parallel: 0, ..base() }),
        ("max_parallel", RunOptions { max_parallel: 1_025, ..base() }),
        ("max_concurrent", RunOptions { max_concurrent: Some(0), ..base() }),
        ("cancel_grace_ms", RunOptions { cancel_grace_ms: 600_001, ..base() }),
        ("idempotency_key", keyed("")),
        ("idempotency_key", keyed(&long)),
    ];
    for (option, options) in cases {
        let refused = engine.start(&plan, Value::Null, options, &me(), &Tenant::default()).await.unwrap_err();
        assert!(matches!(&refused, RunError::Option { option: named, .. } if *named == option), "{refused}");
        assert_eq!(refused.code(), ErrorCode::InputInvalid);
    }
    let options = RunOptions { durability: Some(Durability::PowerLoss), ..base() };
    let refused = engine.start(&plan, Value::Null, options, &me(), &Tenant::default()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::DurabilityUnavailable);
    for inputs in [json("[1]"), nested(Value::from(1), 129)] {
        let refused = engine.start(&plan, inputs, base(), &me(), &Tenant::default()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InputInvalid);
    }
    assert_eq!(engine.list(&Tenant::default(), &Default::default()).await.unwrap(), []);
    assert_eq!(world.total(), 0);
}

fn nested(value: Value, levels: usize) -> Value {
    (0..levels).fold(value, |value, _| Value::map([("v", value)]))
}

async fn run(
    engine: &Engine,
    yaml: &str,
    inputs: Value,
    options: RunOptions,
) -> std::sync::Arc<ice_orchestrator::engine::RunEnd> {
    let plan = plan(yaml, engine.registry());
    let handle = engine.start(&plan, inputs, options, &me(), &Tenant::default()).await.unwrap();
    handle.wait().await.unwrap()
}

#[tokio::test]
async fn limits_of_nodes_and_items_hold() {
    let (ground, world) = (Ground::new(), World::default());
    let engine = ground.engine(&world).build();
    let yaml = "nodes:
- id: l
  type: loop
  items_source: inputs.items
  body: [{id: x, type: tool, tool_name: once}]";
    let inputs = || json(r#"{"items": [1, 2, 3]}"#);
    let options = RunOptions { max_loop_items: 2, ..RunOptions::default() };
    let end = run(&engine, yaml, inputs(), options).await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::LimitExceeded);
    assert!(end.failures[0].failure.message.contains("max_loop_items"));
    assert_eq!(world.total(), 0);
    // The loop itself and two of its nodes.
    let options = RunOptions { max_nodes: 3, ..RunOptions::default() };
    let end = run(&engine, yaml, inputs(), options).await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::LimitExceeded);
    assert!(end.failures[0].failure.message.contains("max_nodes"));
    assert_eq!(world.total(), 2);
    let options = RunOptions { max_nodes: 4, max_loop_items: 3, ..RunOptions::default() };
    assert_eq!(run(&engine, yaml, inputs(), options).await.status, RunStatus::Succeeded);
}

#[tokio::test]
async fn big_and_deep_values_come_back_whole() {
    let (ground, world) = (Ground::new(), World::default());
    let engine = ground.engine(&world).build();
    let yaml = "nodes:
- {id: a, type: tool, tool_name: pure, tool_args: {value: '{{ inputs.v }}'}}
- {id: b, type: tool, tool_name: pure, tool_args: {value: {again: ['{{ a }}', '{{ a }}']}}}";
    let big = Value::from("x".repeat(5 << 20));
    let many = Value::list((0..50_000).map(Value::from));
    let deep = nested(Value::from(1), 100);
    for value in [big, many, deep] {
        let end = run(&engine, yaml, Value::map([("v", value.clone())]), RunOptions::default()).await;
        assert_eq!(end.output.get("a"), Some(&value), "{:?}", end.failure);
        let document = engine.show(&Tenant::default(), end.id).await.unwrap();
        assert!(document.output == end.output && document.inputs.get("v") == Some(&value));
    }
    // Each node adds a level: at 129 it is refused, and the journal can still be read.
    let nodes: Vec<String> = (1..140)
        .map(|n| {
            let before = if n == 1 { "inputs.v".to_owned() } else { format!("n{}", n - 1) };
            format!("- {{id: n{n}, type: tool, tool_name: pure, tool_args: {{value: {{v: '{{{{ {before} }}}}'}}}}}}")
        })
        .collect();
    let end =
        run(&engine, &format!("nodes:\n{}", nodes.join("\n")), json(r#"{"v": 1}"#), RunOptions::default())
            .await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::InputInvalid, "{:?}", end.failures);
    assert!(end.failures[0].failure.message.contains("nests deeper"));
    assert_eq!(engine.show(&Tenant::default(), end.id).await.unwrap().output, end.output);
}
