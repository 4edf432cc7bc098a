//! Events of runs: order, cursors, live tokens, the feed.

use crate::common::{json, me, plan, registry};
use ice_core::id::Tenant;
use ice_orchestrator::engine::{Engine, RunHandle};
use ice_orchestrator::events::{Cursor, Event, EventClass};
use ice_orchestrator::journal::RunOptions;

const TWO: &str = "nodes:
- {id: a, type: tool, tool_name: add, tool_args: {a: 1, b: 2}}
- {id: b, type: llm, provider: echo, model: e, prompt: 'one two {{ a }}'}";

#[cfg(test)]
async fn started(yaml: &str) -> (Engine, RunHandle) {
    let registry = registry();
    let plan = plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle =
        engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    (engine, handle)
}

#[cfg(test)]
async fn all(engine: &Engine, handle: &RunHandle, cursor: Option<Cursor>) -> Vec<Event> {
    let mut events = engine.events(&Tenant::default(), handle.id(), cursor, true).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        seen.push(event);
    }
    seen
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().filter(|event| event.class == EventClass::Durable).map(|event| &*event.event).collect()
}

#[tokio::test]
async fn a_run_tells_what_happened_in_order_and_from_any_cursor() {
    let (engine, handle) = started(TWO).await;
    handle.wait().await.unwrap();
    let events = all(&engine, &handle, None).await;
    let expected =
        ["run.started", "node.started", "node.succeeded", "node.started", "node.succeeded", "run.ended"];
    assert_eq!(names(&events), expected);
    let durable: Vec<_> = events.iter().filter(|event| event.class == EventClass::Durable).collect();
    assert!(durable.iter().zip(0..).all(|(event, number)| event.number == Some(number)));
    for (index, event) in durable.iter().enumerate() {
        let rest = all(&engine, &handle, Some(event.cursor)).await;
        assert_eq!(names(&rest), expected[index + 1..], "after {index}");
    }
}

#[tokio::test]
async fn live_tokens_are_seen_and_join_to_the_answer() {
    let (engine, handle) = started(
        "nodes: [{id: b, type: llm, provider: echo, model: e, prompt: 'one two three'}, {id: w, type: tool, tool_name: wait, dependencies: [b]}]",
    )
    .await;
    let mut events = engine.events(&Tenant::default(), handle.id(), None, true).await.unwrap();
    let mut text = String::new();
    while let Some(event) = events.next().await.unwrap() {
        if event.event == "node.token" {
            text.push_str(event.data.get("text").unwrap().as_str().unwrap());
        }
        if event.event == "node.started" && event.node.as_ref().unwrap().as_str() == "w" {
            handle.cancel(&me(), Some("enough".to_owned())).await.unwrap();
        }
    }
    assert_eq!(text, "one two three");
    assert_eq!(handle.wait().await.unwrap().status.as_str(), "cancelled");
}

#[tokio::test]
async fn the_feed_shows_all_runs_of_a_tenant_and_goes_on_after_a_cursor() {
    let registry = registry();
    let plan = plan(TWO, &registry);
    let engine = Engine::builder().registry(registry).build();
    let tenant = Tenant::default();
    let mut feed = engine.feed(&tenant, None).unwrap();
    let mut ends = 0;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let handle = engine.start(&plan, json("{}"), RunOptions::default(), &me(), &tenant).await.unwrap();
        handle.wait().await.unwrap();
    }
    let other: Tenant = "other".parse().unwrap();
    engine.start(&plan, json("{}"), RunOptions::default(), &me(), &other).await.unwrap();
    while ends < 3 {
        let event = feed.next().await.unwrap().unwrap();
        ends += usize::from(event.is_last());
        seen.push(event);
    }
    assert_eq!(seen.len(), 18);
    for (index, event) in seen.iter().enumerate() {
        let mut feed = engine.feed(&tenant, Some(event.cursor)).unwrap();
        for expected in &seen[index + 1..] {
            assert_eq!(feed.next().await.unwrap().as_ref(), Some(expected), "after {index}");
        }
    }
}

#[tokio::test]
async fn a_feed_that_missed_more_than_the_store_keeps_catches_up_in_order() {
    let registry = registry();
    let plan = plan(TWO, &registry);
    let engine = Engine::builder().registry(registry).build();
    let tenant = Tenant::default();
    let mut feed = engine.feed(&tenant, None).unwrap();
    // Each is four changes; the store keeps some thousands.
    let mut runs = Vec::new();
    for _ in 0..2_500 {
        let handle = engine.start(&plan, json("{}"), RunOptions::default(), &me(), &tenant).await.unwrap();
        runs.push(handle.id());
        handle.wait().await.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < runs.len() * 6 {
        seen.push(feed.next().await.unwrap().unwrap());
    }
    let expected: Vec<_> = runs.iter().flat_map(|run| (0..6).map(|number| (*run, Some(number)))).collect();
    assert!(seen.iter().map(|event| (event.run, event.number)).eq(expected));
}
