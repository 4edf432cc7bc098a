//! Cancelling at every point, from anywhere.

use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunHandle};
use ice_orchestrator::events::EventClass;
use ice_orchestrator::journal::{FailurePolicy, RunOptions, RunStatus};
use ice_orchestrator::workflow::runtime::NodeStatus;

use crate::common::{json, me, plan};
use crate::world::{Fault, Ground, World};

async fn start(engine: &Engine, yaml: &str, options: RunOptions) -> RunHandle {
    let plan = plan(yaml, engine.registry());
    engine.start(&plan, Value::Null, options, &me(), &Tenant::default()).await.unwrap()
}

/// Slow enough to be cancelled anywhere: every tool gives way to others.
const SLOW: &str = "nodes:
- {id: a, type: tool, tool_name: pause}
- {id: b, type: tool, tool_name: pause, dependencies: [a]}
- {id: retried, type: tool, tool_name: fail, retry_policy: {max_attempts: 3, backoff_seconds: 0}, dependencies: [a]}
- id: each
  type: loop
  items_source: '{{ [1, 2, 3] }}'
  parallel: true
  body: [{id: x, type: tool, tool_name: pause}, {id: y, type: tool, tool_name: once, dependencies: [x]}]
- id: race
  type: parallel
  wait_strategy: race
  branches: [[{id: p, type: tool, tool_name: wait}], [{id: q, type: tool, tool_name: pause}]]";

#[tokio::test]
async fn a_run_that_is_cancelled_after_any_record_ends_cancelled() {
    let (mut cancelled, mut ended) = (0, 0);
    for number in 0..50 {
        let (ground, world) = (Ground::new(), World::default());
        let mut registry = world.registry();
        let pause = crate::common::tool("pause", ice_core::tools::Effect::Idempotent, |_, _| async {
            tokio::task::yield_now().await;
            Ok(Value::from(1))
        });
        registry.tools.register(pause).unwrap();
        let engine = ground.engine(&world).registry(registry).build();
        let handle = start(&engine, SLOW, RunOptions::default()).await;
        let mut events = engine.events(&Tenant::default(), handle.id(), None, true).await.unwrap();
        while let Some(event) = events.next().await.unwrap() {
            if event.class == EventClass::Durable && event.number >= Some(number) {
                break;
            }
        }
        let asked = handle.cancel(&me(), Some("enough".to_owned())).await;
        let end = tokio::time::timeout(Duration::from_secs(60), handle.wait()).await.unwrap().unwrap();
        if end.status == RunStatus::Cancelled {
            assert_eq!(end.failure.as_ref().unwrap().message, "cancelled by user:test: enough");
            cancelled += 1;
        } else {
            // It was over already, or so nearly that the message came too late.
            assert_eq!(end.status, RunStatus::Failed, "{asked:?}");
            ended += 1;
        }
        assert!(engine.active().is_empty());
        let document = engine.show(&Tenant::default(), handle.id()).await.unwrap();
        assert_eq!(document.status, end.status);
        let open = document.nodes.iter().filter(|node| node.ended_at.is_none());
        assert_eq!(open.count(), 0, "{:?}", document.nodes);
        let again = handle.cancel(&me(), None).await.unwrap_err();
        assert_eq!(again.code(), ErrorCode::RunState);
        engine.close().await;
    }
    assert!(cancelled > 5 && ended > 0, "{cancelled} {ended}");
}

#[tokio::test]
async fn another_engine_cancels_through_the_inbox() {
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).name("first").build();
    let second = ground.engine(&world).name("second").build();
    let handle = start(&first, "nodes: [{id: n, type: tool, tool_name: shot}]", RunOptions::default()).await;
    world.arrival().await;
    second.cancel(&Tenant::default(), handle.id(), &me(), None).await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!((end.status, second.active()), (RunStatus::Cancelled, Vec::new()));
}

#[tokio::test]
async fn a_run_that_nobody_drives_ends_when_it_is_cancelled() {
    let yaml = "nodes: [{id: n, type: tool, tool_name: shot}, {id: m, type: tool, tool_name: once}]";
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let options = || RunOptions { max_parallel: 1, ..RunOptions::default() };
    for parked in [false, true] {
        let first = ground.engine(&world).build();
        let handle = start(&first, yaml, options()).await;
        world.arrival().await;
        first.close().await;
        let second = ground.engine(&world).build();
        if parked {
            let resumed = second.resume(&Tenant::default(), handle.id(), &me(), None).await.unwrap();
            assert_eq!(resumed.wait().await.unwrap().status, RunStatus::Parked);
        }
        let before = world.count("m");
        second.cancel(&Tenant::default(), handle.id(), &me(), None).await.unwrap();
        second.drain().await;
        let document = second.show(&Tenant::default(), handle.id()).await.unwrap();
        assert_eq!((document.status, world.count("m")), (RunStatus::Cancelled, before));
        second.close().await;
    }
}

#[tokio::test]
async fn a_run_whose_tools_are_gone_ends_when_it_is_cancelled() {
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).build();
    let yaml = "nodes:
- {id: l, type: loop, items_source: '{{ [1, 2] }}', body: [{id: x, type: tool, tool_name: pure}]}
- {id: n, type: tool, tool_name: gate, dependencies: [l]}";
    let handle = start(&first, yaml, RunOptions::default()).await;
    world.arrival().await;
    first.close().await;
    let second = ground.engine(&world).registry(crate::common::registry()).build();
    let end =
        second.resume(&Tenant::default(), handle.id(), &me(), None).await.unwrap().wait().await.unwrap();
    assert_eq!(end.failure.as_ref().unwrap().code, ErrorCode::PinMismatch);
    // What a container gave is known, although the run cannot be folded any more.
    let output = json(r#"{"l": ["l[0].body.x", "l[1].body.x"]}"#);
    assert_eq!(end.output, output);
    second.cancel(&Tenant::default(), handle.id(), &me(), Some("gone".to_owned())).await.unwrap();
    let document = second.show(&Tenant::default(), handle.id()).await.unwrap();
    let failure = document.failure.unwrap();
    assert_eq!((document.status, failure.code), (RunStatus::Cancelled, ErrorCode::RunCancelled));
    assert_eq!(failure.message, "cancelled by user:test: gone");
    assert_eq!(document.output, output);
    let of = |id: &str| document.nodes.iter().find(|node| node.node.as_str() == id).unwrap().status;
    assert_eq!((of("l"), of("n")), (NodeStatus::Succeeded, NodeStatus::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_for_its_barrier_is_never_begun_once_cancelled() {
    let (ground, world) = (Ground::new(), World::default());
    // The second commit, which carries the intent, never lands.
    let (engine, struck) = ground.faulty(&world, 1, Fault::Hang);
    let yaml = "nodes: [{id: a, type: tool, tool_name: gate}, {id: n, type: tool, tool_name: once, dependencies: [a]}]";
    let handle = start(&engine, yaml, RunOptions::default()).await;
    struck.notified().await;
    handle.cancel(&me(), None).await.unwrap();
    engine.close().await;
    assert_eq!(world.count("n"), 0);
    let next = ground.engine(&world).build();
    let end = next.resume(&Tenant::default(), handle.id(), &me(), None).await;
    let end = end.unwrap().wait().await.unwrap();
    assert_eq!((end.status, world.count("n")), (RunStatus::Cancelled, 0));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_ignores_its_cancellation_is_given_up() {
    let (ground, world) = (Ground::new(), World::default());
    let engine = ground.engine(&world).build();
    let yaml = "nodes: [{id: n, type: tool, tool_name: deaf}, {id: m, type: tool, tool_name: fail}]";
    let options =
        RunOptions { failure_policy: FailurePolicy::Halt, cancel_grace_ms: 50, ..RunOptions::default() };
    let handle = start(&engine, yaml, options).await;
    let end = handle.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Failed);
    let document = engine.show(&Tenant::default(), handle.id()).await.unwrap();
    let of = |id: &str| document.nodes.iter().find(|node| node.node.as_str() == id).unwrap().status;
    assert_eq!((of("n"), of("m")), (NodeStatus::Cancelled, NodeStatus::Failed));
}
