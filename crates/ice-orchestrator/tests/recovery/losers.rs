//! Attempts that a container takes along when it is done before them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, Usage};
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::journal::{Body, Reader, RunOptions, RunStatus};
use ice_orchestrator::workflow::runtime::NodeStatus;
use tokio::time::Instant;

use crate::common::{Vendor, me, plan, tool};
use crate::world::{Ground, World};

#[tokio::test(start_paused = true)]
async fn the_losers_of_a_race_are_accounted_for() {
    let (ground, world) = (Ground::new(), World::default());
    let mut registry = world.registry();
    let spent = Usage { input: 5, output: 2, ..Usage::default() };
    let vendor: Arc<dyn LlmProvider> = Arc::new(Vendor { models: None, waits: Some(spent) });
    registry.providers.register(vendor).unwrap();
    let slow = tool("slow", Effect::Pure, |_, _| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Value::Null)
    });
    registry.tools.register(slow).unwrap();
    let engine = ground.engine(&world).registry(registry).build();
    let yaml = "nodes:
- id: race
  type: parallel
  wait_strategy: race
  branches:
  - [{id: sends, type: tool, tool_name: wait}]
  - [{id: asks, type: llm, provider: vendor, model: m, prompt: p}]
  - [{id: deaf, type: tool, tool_name: deaf}]
  - [{id: first, type: tool, tool_name: slow}]
- {id: after, type: tool, tool_name: pure, dependencies: [race]}";
    let tenant = Tenant::default();
    let plan = plan(yaml, engine.registry());
    let handle = engine.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!((end.status, end.usage), (RunStatus::Succeeded, spent));
    let document = engine.show(&tenant, handle.id()).await.unwrap();
    assert_eq!((&document.output, document.usage), (&end.output, spent));
    for (branch, id, tokens) in [(0, "sends", 0), (1, "asks", 7), (2, "deaf", 0)] {
        let path = format!("race.branches[{branch}].{id}");
        let report = document.nodes.iter().find(|report| report.node.as_str() == path).unwrap();
        assert_eq!((report.status, report.usage.total()), (NodeStatus::Cancelled, tokens), "{path}");
    }
    let mut reader = Reader::new(Arc::clone(&ground.store), Arc::clone(&ground.blobs), &tenant, handle.id());
    let (mut cancelled, mut discarded, mut unresponsive) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let records = reader.read().await.unwrap();
        if records.is_empty() {
            break;
        }
        for numbered in records {
            let body = numbered.record.body;
            if let Body::Cancelled { node, in_doubt, .. } = body {
                cancelled.push((node.to_string(), in_doubt));
            } else if let Body::Discarded { node, in_doubt, .. } = body {
                discarded.push((node.to_string(), in_doubt));
            } else if let Body::Unresponsive { node } = body {
                unresponsive.push(node.to_string());
            } else if matches!(body, Body::Closed { .. }) {
                assert_eq!((cancelled.len(), discarded.len()), (3, 0));
            }
        }
    }
    let both = [
        ("race.branches[0].sends".to_owned(), true),
        ("race.branches[1].asks".to_owned(), false),
        ("race.branches[2].deaf".to_owned(), false),
    ];
    cancelled.sort();
    discarded.sort();
    assert_eq!((cancelled, discarded), (both.to_vec(), both.to_vec()));
    assert_eq!(unresponsive, ["race.branches[2].deaf"]);
}

#[tokio::test(start_paused = true)]
async fn what_only_has_to_end_still_takes_its_place() {
    let (ground, world) = (Ground::new(), World::default());
    let mut registry = world.registry();
    let begun = Arc::new(Mutex::new(Vec::new()));
    let (notes, start) = (Arc::clone(&begun), Instant::now());
    let slow = tool("slow", Effect::Pure, move |_, _| {
        notes.lock().unwrap().push(start.elapsed().as_secs());
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Value::Null)
        }
    });
    registry.tools.register(slow).unwrap();
    let engine = ground.engine(&world).registry(registry).result_cache(0).build();
    // The loser ignores its cancellation for five seconds.
    let yaml = "nodes:
- id: race
  type: parallel
  wait_strategy: race
  branches: [[{id: loser, type: tool, tool_name: deaf}], [{id: winner, type: tool, tool_name: slow}]]
- id: each
  type: loop
  items_source: '{{ [1, 2] }}'
  parallel: true
  dependencies: [race]
  body: [{id: x, type: tool, tool_name: slow}]";
    let plan = plan(yaml, engine.registry());
    let options = RunOptions { max_parallel: 2, ..RunOptions::default() };
    let handle = engine.start(&plan, Value::Null, options, &me(), &Tenant::default()).await.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Succeeded);
    assert_eq!(*begun.lock().unwrap(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_leaves_behind_cancels_no_other() {
    let (ground, world) = (Ground::new(), World::default());
    let left = Arc::new(Mutex::new(None));
    let mut registry = world.registry();
    let leaves = Arc::clone(&left);
    let leaving = tool("leaving", Effect::Pure, move |ctx, _| {
        // As a task would that goes on in the background.
        *leaves.lock().unwrap() = Some(ctx.cancel.clone().drop_guard());
        async { Ok(Value::Null) }
    });
    let slow = tool("slow", Effect::Pure, move |ctx, _| {
        drop(left.lock().unwrap().take());
        let cancel = ctx.cancel.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Value::from(cancel.is_cancelled()))
        }
    });
    registry.tools.register(leaving).unwrap();
    registry.tools.register(slow).unwrap();
    let engine = ground.engine(&world).registry(registry).build();
    let yaml = "nodes:
- {id: first, type: tool, tool_name: leaving}
- {id: second, type: tool, tool_name: slow, dependencies: [first]}";
    let plan = plan(yaml, engine.registry());
    let tenant = Tenant::default();
    let handle = engine.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!((end.status, end.output.get("second")), (RunStatus::Succeeded, Some(&Value::Bool(false))));
}
