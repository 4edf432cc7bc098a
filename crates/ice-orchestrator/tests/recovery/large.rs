//! Values that are larger than what a store takes in one piece, and those that are too large for anything.

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::journal::{FailurePolicy, RunOptions, RunStatus};
use ice_orchestrator::workflow::runtime::NodeStatus;

use crate::common::{me, plan, tool};
use crate::world::{Ground, World};

/// 100,000 rows of about 200 bytes.
fn rows() -> Value {
    let words = "some words ".repeat(17);
    Value::list(
        (0..100_000).map(|n| Value::map([("n", Value::from(n)), ("t", Value::from(format!("{n} {words}")))])),
    )
}

#[tokio::test]
async fn a_hundred_thousand_rows_are_kept_and_come_back() {
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let mut registry = world.registry();
    registry.tools.register(tool("rows", Effect::Pure, |_, _| async { Ok(rows()) })).unwrap();
    let first = ground.engine(&world).registry(registry.clone()).build();
    let yaml = "nodes:
- {id: rows, type: tool, tool_name: rows}
- {id: gate, type: tool, tool_name: gate, tool_args: {value: '{{ rows[99999].n }}'}}
- {id: after, type: tool, tool_name: pure, tool_args: {value: '{{ rows[7].n + gate }}'}}";
    let plan = plan(yaml, first.registry());
    let tenant = Tenant::default();
    let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    world.arrival().await;
    first.close().await;

    world.open();
    let second = ground.engine(&world).registry(registry).build();
    let document = second.show(&tenant, handle.id()).await.unwrap();
    assert!(document.output.get("rows") == Some(&rows()), "{:?}", document.failures);
    let end = second.resume(&tenant, handle.id(), &me(), None).await.unwrap().wait().await.unwrap();
    assert_eq!((end.status, end.output.get("after")), (RunStatus::Succeeded, Some(&Value::from(100_006))));
}

#[tokio::test]
async fn what_no_store_takes_is_a_failure_of_its_node() {
    let (ground, world) = (Ground::new(), World::default());
    let mut registry = world.registry();
    let huge = tool("huge", Effect::Pure, |_, _| async { Ok(Value::from("x".repeat((256 << 20) + 1))) });
    registry.tools.register(huge).unwrap();
    let engine = ground.engine(&world).registry(registry).build();
    let yaml = "nodes:
- {id: a, type: tool, tool_name: pure}
- {id: huge, type: tool, tool_name: huge}
- {id: z, type: tool, tool_name: pure}";
    let plan = plan(yaml, engine.registry());
    for failure_policy in [FailurePolicy::ContinuePossible, FailurePolicy::Halt] {
        let options = RunOptions { failure_policy, ..RunOptions::default() };
        let handle = engine.start(&plan, Value::Null, options, &me(), &Tenant::default()).await.unwrap();
        let end = handle.wait().await.unwrap();
        assert_eq!((end.status, end.failures.len()), (RunStatus::Failed, 1));
        let failure = &end.failures[0].failure;
        assert_eq!((failure.code, end.failures[0].node.as_str()), (ErrorCode::LimitExceeded, "huge"));
        assert!(failure.message.contains("cannot be kept: it is too large"), "{failure}");
        let document = engine.show(&Tenant::default(), handle.id()).await.unwrap();
        let open = document.nodes.iter().filter(|node| node.status == NodeStatus::Running);
        assert_eq!((document.status, open.count()), (RunStatus::Failed, 0));
    }
    // Inputs that cannot be kept start nothing.
    let inputs = Value::map([("v", Value::from("x".repeat((256 << 20) + 1)))]);
    let refused = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await;
    assert_eq!(refused.unwrap_err().code(), ErrorCode::InputInvalid);
}

#[tokio::test]
async fn many_long_failures_decided_at_once_are_kept() {
    let (ground, world) = (Ground::new(), World::default());
    let engine = ground.engine(&world).build();
    // Each message is as long as messages may be, and six times that once it is written.
    let name = "\\u0001".repeat(9_000);
    let yaml = format!(
        "nodes:
- {{id: a, type: tool, tool_name: pure}}
- id: l
  type: loop
  items_source: inputs.items
  parallel: true
  dependencies: [a]
  body:
  - id: x
    type: tool
    tool_name: pure
    input_mappings: {{v: {{source_node_id: a, source_output_key: \"{name}\"}}}}"
    );
    let plan = plan(&yaml, engine.registry());
    let inputs = Value::map([("items", Value::list((0..1_000).map(Value::from)))]);
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Failed);
    let document = engine.show(&Tenant::default(), handle.id()).await.unwrap();
    assert_eq!((document.status, document.failures.len()), (RunStatus::Failed, 1_000));
}

/// The items of a loop's output that are there.
fn items(output: &Value, node: &str) -> usize {
    let items = output.get(node).and_then(Value::as_list).unwrap();
    items.iter().filter(|item| !item.is_null()).count()
}

#[tokio::test]
async fn a_run_writes_no_more_than_its_limit_before_and_after_a_crash() {
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let mut registry = world.registry();
    let text = tool("text", Effect::Pure, |_, input| async move {
        let seed = input.get("n").and_then(Value::as_i64).unwrap_or_default();
        Ok(Value::from(format!("{seed:0>8}").repeat(8 << 10)))
    });
    registry.tools.register(text).unwrap();
    let first = ground.engine(&world).registry(registry.clone()).build();
    let yaml = "nodes:
- {id: before, type: loop, items_source: inputs.few, item_var: n, body: [
    {id: text, type: tool, tool_name: text, tool_args: {n: '{{ n }}'}}]}
- {id: gate, type: tool, tool_name: gate, dependencies: [before]}
- {id: after, type: loop, items_source: inputs.many, item_var: n, dependencies: [gate], body: [
    {id: text, type: tool, tool_name: text, tool_args: {n: '{{ n }}'}},
    {id: same, type: tool, tool_name: pure, tool_args: {value: '{{ text }}'}}]}";
    let plan = plan(yaml, first.registry());
    let numbers = |range: std::ops::Range<i64>| Value::list(range.map(Value::from));
    let inputs = Value::map([("few", numbers(0..8)), ("many", numbers(8..40))]);
    let options = RunOptions { max_bytes: 1 << 20, ..RunOptions::default() };
    let tenant = Tenant::default();
    let handle = first.start(&plan, inputs, options, &me(), &tenant).await.unwrap();
    world.arrival().await;
    first.close().await;

    world.open();
    let second = ground.engine(&world).registry(registry).build();
    let end = second.resume(&tenant, handle.id(), &me(), None).await.unwrap().wait().await.unwrap();
    // A text of 64 KiB counts once, however often it is handed on.
    assert_eq!((end.status, items(&end.output, "before")), (RunStatus::Failed, 8));
    assert!((6..8).contains(&items(&end.output, "after")), "{}", items(&end.output, "after"));
    for failed in &end.failures {
        assert_eq!(failed.failure.code, ErrorCode::LimitExceeded, "{failed:?}");
        assert!(failed.failure.message.contains("1048576 bytes, its limit `max_bytes`"), "{failed:?}");
    }
    // Inputs that are more than that start nothing.
    let options = RunOptions { max_bytes: 1_000, ..RunOptions::default() };
    let refused = second.start(&plan, Value::map([("few", numbers(0..900))]), options, &me(), &tenant).await;
    assert_eq!(refused.unwrap_err().code(), ErrorCode::InputInvalid);
}
