//! Several engines on one store.

use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::time::{Moment, SystemIds, TestClock};
use ice_core::value::Value;
use ice_orchestrator::engine::RunError;
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::common::{json, me, plan};
use crate::world::{Ground, World};

#[tokio::test]
async fn a_run_is_taken_over_when_its_owner_gives_no_sign_of_life_and_the_owner_lets_go() {
    let yaml = "nodes:
- {id: n, type: tool, tool_name: gate}
- {id: m, type: tool, tool_name: once, dependencies: [n]}";
    let (ground, world) = (Ground::new(), World::default());
    let clock = TestClock::new(Moment::from_millis(1_700_000_000_000));
    let engine = |name: &str| {
        let time = Arc::new(clock.clone());
        ground.engine(&world).name(name).time(time, Arc::new(SystemIds)).build()
    };
    let (first, second) = (engine("first"), engine("second"));
    world.shut();
    let plan = plan(yaml, first.registry());
    let tenant = Tenant::default();
    let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    world.arrival().await;

    let refused = second.resume(&tenant, handle.id(), &me(), None).await.unwrap_err();
    assert!(matches!(&refused, RunError::Owned { owner, .. } if owner == "first"), "{refused}");
    assert_eq!(refused.code(), ErrorCode::RunOwned);
    assert!(second.resume_all(&tenant, &me()).await.unwrap().runs.is_empty());

    clock.advance(Duration::from_secs(3_600));
    let taken = second.resume(&tenant, handle.id(), &me(), None).await.unwrap();
    world.arrival().await;
    world.open();
    let end = taken.wait().await.unwrap();
    assert_eq!((end.status, &end.output), (RunStatus::Succeeded, &json(r#"{"n": "n", "m": "m"}"#)));
    let lost = handle.wait().await.unwrap_err();
    assert!(matches!(lost, RunError::Lost(_)), "{lost}");
    assert_eq!(lost.code(), ErrorCode::RunLost);
    assert_eq!(world.count("m"), 1, "the first owner started nothing that waits for its intent");
    let document = second.show(&tenant, handle.id()).await.unwrap();
    // Accepted, started, resumed, succeeded, started, succeeded, ended.
    assert_eq!((document.records, document.status), (7, RunStatus::Succeeded));
    assert!(first.active().is_empty());
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn an_engine_that_starts_anew_under_its_name_owns_its_runs_at_once() {
    let (ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).name("same").build();
    let plan = plan("nodes: [{id: n, type: tool, tool_name: gate}]", first.registry());
    let tenant = Tenant::default();
    let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    world.arrival().await;
    // The first is not closed: its ownership has not been given up.
    let second = ground.engine(&world).name("same").build();
    let taken = second.resume(&tenant, handle.id(), &me(), None).await.unwrap();
    world.arrival().await;
    world.open();
    assert_eq!(taken.wait().await.unwrap().status, RunStatus::Succeeded);
    assert!(matches!(handle.wait().await.unwrap_err(), RunError::Lost(_) | RunError::Closing));
}
