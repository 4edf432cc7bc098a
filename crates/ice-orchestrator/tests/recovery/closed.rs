//! Engines that are closed in good order: what happened is known afterwards.

use std::sync::Arc;

use ice_core::id::Tenant;
use ice_core::tools::{Effect, ToolError};
use ice_core::value::Value;
use ice_orchestrator::engine::RunError;
use ice_orchestrator::events::EventClass;
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::common::{json, me, plan, tool};
use crate::crashed::YAML;
use crate::world::{Fault, Faulty, Ground, World};

#[tokio::test]
async fn what_ends_within_its_grace_period_is_kept() {
    let (ground, world) = (Ground::new(), World::default());
    let mut registry = world.registry();
    let lasting = tool("lasting", Effect::Irreversible, |ctx, _| async move {
        ctx.cancel.cancelled().await;
        tokio::task::yield_now().await;
        Ok(Value::from("it happened"))
    });
    let failing = tool("failing", Effect::Irreversible, |ctx, _| async move {
        ctx.cancel.cancelled().await;
        Err(ToolError::failed(ice_core::error::ErrorCode::ToolFailed, "it broke"))
    });
    registry.tools.register(lasting).unwrap();
    registry.tools.register(failing).unwrap();
    let first = ground.engine(&world).registry(registry.clone()).build();
    world.shut();
    let yaml = "nodes:
- {id: n, type: tool, tool_name: lasting}
- {id: f, type: tool, tool_name: failing}
- {id: g, type: tool, tool_name: gate}
- {id: m, type: tool, tool_name: once, tool_args: {value: '{{ n }}'}, dependencies: [g]}";
    let plan = plan(yaml, first.registry());
    let tenant = Tenant::default();
    let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    world.arrival().await;
    first.close().await;
    assert!(matches!(handle.wait().await.unwrap_err(), RunError::Closing));

    world.open();
    let second = ground.engine(&world).registry(registry).build();
    let document = second.show(&tenant, handle.id()).await.unwrap();
    assert_eq!((&document.output, document.failures.len()), (&json(r#"{"n": "it happened"}"#), 1));
    let end = second.resume(&tenant, handle.id(), &me(), None).await.unwrap().wait().await.unwrap();
    assert_eq!(
        (end.status, &end.output),
        (RunStatus::Failed, &json(r#"{"n": "it happened", "g": "g", "m": "it happened"}"#))
    );
    assert_eq!((world.count("g"), world.count("m")), (2, 1));
}

#[tokio::test]
async fn what_was_never_begun_is_not_in_doubt() {
    let (ground, world) = (Ground::new(), World::default());
    // The second commit, which carries the intent, lands when the engine is closing.
    let store = Arc::new(Faulty::new(Arc::clone(&ground.store), 1, Fault::Wait));
    let first = ground.engine(&world).store(store.clone(), Arc::clone(&ground.blobs)).build();
    let yaml = "nodes: [{id: a, type: tool, tool_name: gate}, {id: n, type: tool, tool_name: once, dependencies: [a]}]";
    let plan = plan(yaml, first.registry());
    let tenant = Tenant::default();
    let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    store.struck.notified().await;
    // One thread: by then the run's task has heard of the closing and waits for the commit.
    let heal = async {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        store.heal();
    };
    futures::future::join(first.close(), heal).await;
    assert_eq!((world.count("a"), world.count("n")), (1, 0));

    let second = ground.engine(&world).build();
    let end = second.resume(&tenant, handle.id(), &me(), None).await.unwrap().wait().await.unwrap();
    assert_eq!((end.status, world.count("a"), world.count("n")), (RunStatus::Succeeded, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cancelled_ends_although_its_engine_closes() {
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).build();
    let plan = plan("nodes: [{id: n, type: tool, tool_name: shot}]", first.registry());
    let tenant = Tenant::default();
    let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    world.arrival().await;
    handle.cancel(&me(), None).await.unwrap();
    first.close().await;
    let second = ground.engine(&world).build();
    for run in second.resume_all(&tenant, &me()).await.unwrap().runs {
        run.wait().await.unwrap();
    }
    let document = second.show(&tenant, handle.id()).await.unwrap();
    assert_eq!((document.status, world.count("n")), (RunStatus::Cancelled, 1));
}

#[tokio::test]
async fn an_engine_that_closes_after_any_record_leaves_nothing_in_doubt_and_nothing_to_repeat() {
    let (mut closed, mut ended) = (0, 0);
    for number in 0..40 {
        let (ground, world) = (Ground::new(), World::default());
        let tenant = Tenant::default();
        let (first, _) = ground.faulty(&world, 0, Fault::Slow);
        let plan = plan(YAML, first.registry());
        let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
        let mut events = first.events(&tenant, handle.id(), None, true).await.unwrap();
        while let Some(event) = events.next().await.unwrap() {
            if event.class == EventClass::Durable && event.number >= Some(number) {
                break;
            }
        }
        first.close().await;
        let second = ground.engine(&world).build();
        match second.resume(&tenant, handle.id(), &me(), None).await {
            Ok(resumed) => {
                let end = resumed.wait().await.unwrap();
                assert_eq!((end.status, &end.failure), (RunStatus::Succeeded, &None), "{number}");
                closed += 1;
            }
            Err(error) => {
                assert!(matches!(error, RunError::State { .. }), "{error}");
                ended += 1;
            }
        }
        assert_eq!((world.count("b"), world.count("big.true.x")), (1, 1), "{number}");
        let document = second.show(&tenant, handle.id()).await.unwrap();
        assert_eq!(document.status, RunStatus::Succeeded);
    }
    assert!(closed > 5 && ended > 0, "{closed} {ended}");
}
