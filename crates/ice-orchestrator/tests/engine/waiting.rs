//! Runs that wait leave memory, and come back when something has come for them.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{json, me, plan, registry};
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::time::{IdSource, SystemIds};
use ice_orchestrator::engine::{Engine, EngineBuilder, Reply, RunError, RunHandle};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};

const ASKS: &str = "nodes:
- {id: ask, type: human, prompt_message: ok?}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ ask.approved }}'}}";

const RETRIES: &str = "nodes:
- {id: n, type: tool, tool_name: fail, retry_policy: {max_attempts: 2, backoff_seconds: 0.3, backoff_strategy: fixed}}";

/// A store, and engines on it.
#[cfg(test)]
struct Ground(Arc<MemoryStore>, Arc<MemoryBlobs>);

#[cfg(test)]
impl Ground {
    fn new() -> Self {
        Self(Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()))
    }

    fn builder(&self, name: &str) -> EngineBuilder {
        let builder = Engine::builder().store(Arc::clone(&self.0) as _, Arc::clone(&self.1) as _);
        builder.registry(registry()).name(name).short_wait(Duration::ZERO)
    }

    fn engine(&self, name: &str) -> Engine {
        self.builder(name).build()
    }
}

#[cfg(test)]
async fn start(engine: &Engine, yaml: &str) -> RunHandle {
    let plan = plan(yaml, engine.registry());
    engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap()
}

/// Waits until no run is in memory.
#[cfg(test)]
async fn asleep(engine: &Engine) {
    let gone = async {
        while !engine.active().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}

#[cfg(test)]
async fn show(engine: &Engine, run: RunId) -> RunDocument {
    engine.show(&Tenant::default(), run).await.unwrap()
}

#[cfg(test)]
async fn answer(engine: &Engine, run: RunId) -> Result<(), RunError> {
    let (node, id) = ("ask".parse().unwrap(), SystemIds.uuid());
    let reply = Reply { node, response: json("true"), comment: None, id };
    engine.answer(&Tenant::default(), run, reply, &"user:ann".parse::<Principal>().unwrap()).await
}

/// The events of a run up to now, by name.
#[cfg(test)]
async fn events(engine: &Engine, run: RunId) -> Vec<String> {
    let mut events = engine.events(&Tenant::default(), run, None, false).await.unwrap();
    let mut names = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        names.push(event.event.to_string());
    }
    names
}

#[tokio::test]
async fn a_run_that_waits_is_not_in_memory_and_its_handle_still_sees_the_end() {
    let engine = Ground::new().engine("one");
    let handle = start(&engine, ASKS).await;
    asleep(&engine).await;
    engine.drain().await;
    assert_eq!(show(&engine, handle.id()).await.status, RunStatus::Waiting);
    let (answered, end) = tokio::join!(answer(&engine, handle.id()), handle.wait());
    answered.unwrap();
    let end = end.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    let seen = events(&engine, handle.id()).await;
    assert!(!seen.iter().any(|name| name == "run.resumed"), "{seen:?}");
}

#[tokio::test]
async fn a_run_goes_on_by_itself_once_its_time_has_come() {
    let engine = Ground::new().engine("one");
    let handle = start(&engine, RETRIES).await;
    asleep(&engine).await;
    assert_eq!(show(&engine, handle.id()).await.status, RunStatus::Waiting);
    assert!(handle.end().is_none());
    engine.drain().await;
    assert_eq!(handle.end().unwrap().status, RunStatus::Failed);
    assert_eq!(show(&engine, handle.id()).await.nodes[0].attempts, 2);
}

#[tokio::test]
async fn a_short_wait_is_spent_in_memory() {
    let engine = Ground::new().builder("one").short_wait(Duration::from_secs(5)).build();
    let handle = start(&engine, RETRIES).await;
    while show(&engine, handle.id()).await.status != RunStatus::Waiting {
        tokio::task::yield_now().await;
    }
    assert_eq!(engine.active(), [handle.id()]);
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Failed);
}

#[tokio::test]
async fn an_engine_that_starts_anew_looks_out_for_what_the_runs_of_the_last_one_wait_for() {
    let ground = Ground::new();
    let first = ground.engine("one");
    let (asks, retries) = (start(&first, ASKS).await, start(&first, RETRIES).await);
    asleep(&first).await;
    first.close().await;
    assert!(matches!(asks.wait().await, Err(RunError::Closing)));
    let second = ground.engine("one");
    let taken = second.resume_all(&Tenant::default(), &me()).await.unwrap();
    assert_eq!((taken.runs.len(), taken.waiting, taken.refused.len()), (0, 2, 0));
    while !show(&second, retries.id()).await.status.is_final() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(show(&second, asks.id()).await.status, RunStatus::Waiting);
    answer(&second, asks.id()).await.unwrap();
    second.drain().await;
    assert_eq!(show(&second, asks.id()).await.status, RunStatus::Succeeded);
}

#[tokio::test]
async fn what_came_while_nobody_was_there_is_found_by_the_next_engine() {
    let ground = Ground::new();
    let first = ground.engine("one");
    let run = start(&first, ASKS).await.id();
    asleep(&first).await;
    // The second one may not take the run up: the first is alive, though it does not look.
    let second = ground.engine("two");
    first.close().await;
    answer(&second, run).await.unwrap();
    second.drain().await;
    assert_eq!(show(&second, run).await.status, RunStatus::Succeeded);
}

#[tokio::test]
async fn an_answer_sent_through_another_engine_wakes_the_run_where_it_belongs() {
    let ground = Ground::new();
    let (first, second) = (ground.engine("one"), ground.engine("two"));
    let handle = start(&first, ASKS).await;
    asleep(&first).await;
    answer(&second, handle.id()).await.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Succeeded);
    assert!(second.active().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_not_lost_while_its_run_falls_asleep() {
    let engine = Ground::new().engine("one");
    for _ in 0..200 {
        let handle = start(&engine, ASKS).await;
        while answer(&engine, handle.id()).await.is_err() {
            tokio::task::yield_now().await;
        }
        let end = tokio::time::timeout(Duration::from_secs(20), handle.wait()).await;
        assert_eq!(end.unwrap().unwrap().status, RunStatus::Succeeded);
    }
}

#[tokio::test]
async fn a_run_outside_of_memory_can_be_cancelled() {
    let engine = Ground::new().engine("one");
    let handle = start(&engine, ASKS).await;
    asleep(&engine).await;
    handle.cancel(&me(), None).await.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Cancelled);
}

#[tokio::test]
async fn who_began_to_watch_a_run_outside_of_memory_sees_it_go_on() {
    let engine = Ground::new().engine("one");
    let run = start(&engine, ASKS).await.id();
    asleep(&engine).await;
    let mut events = engine.events(&Tenant::default(), run, None, true).await.unwrap();
    answer(&engine, run).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        seen.push(event.event.to_string());
    }
    assert_eq!(seen.last().map(String::as_str), Some("run.ended"), "{seen:?}");
}

#[tokio::test]
async fn the_same_key_gives_a_run_outside_of_memory() {
    let engine = Ground::new().engine("one");
    let plan = plan(ASKS, engine.registry());
    let options = RunOptions { idempotency_key: Some("k".to_owned()), ..RunOptions::default() };
    let start =
        async || engine.start(&plan, json("{}"), options.clone(), &me(), &Tenant::default()).await.unwrap();
    let first = start().await.id();
    asleep(&engine).await;
    let again = start().await;
    assert_eq!(again.id(), first);
    asleep(&engine).await;
    answer(&engine, first).await.unwrap();
    assert_eq!(again.wait().await.unwrap().status, RunStatus::Succeeded);
}

#[tokio::test]
async fn a_run_that_waits_is_left_as_it_is_by_an_engine_that_lacks_its_tools() {
    let ground = Ground::new();
    let first = ground.engine("one");
    let run = start(&first, ASKS).await.id();
    asleep(&first).await;
    first.close().await;
    let bare = ground.builder("one").registry(Default::default()).build();
    assert_eq!(answer(&bare, run).await.unwrap_err().code(), ice_core::error::ErrorCode::PinMismatch);
    assert_eq!(show(&bare, run).await.status, RunStatus::Waiting);
    bare.close().await;
    let right = ground.engine("one");
    answer(&right, run).await.unwrap();
    right.drain().await;
    assert_eq!(show(&right, run).await.status, RunStatus::Succeeded);
}
