//! Runs of which the store has lost something.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::store::{Batch, Durability, Key, MemoryBlobs};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunFilter};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::common::{me, plan};
use crate::world::{Ground, World};

const YAML: &str = "nodes: [{id: n, type: tool, tool_name: gate}]";

/// Overwrites or removes everything the store has below a folder of a run.
async fn damage(ground: &Ground, folder: &str, run: RunId, value: Option<&'static str>) {
    let folder = Key::tenant(&Tenant::default()).folder(folder).folder(&run.to_string());
    let found = ground.store.scan(&folder, None, 100).await.unwrap();
    assert!(!found.is_empty(), "there is nothing to damage");
    let batch = found.into_iter().fold(Batch::new(), |batch, entry| match value {
        Some(value) => batch.put(entry.key, value),
        None => batch.delete(entry.key),
    });
    ground.store.commit(batch, Durability::Buffered).await.unwrap();
}

async fn started(engine: &Engine, world: &World) -> RunId {
    let plan = plan(YAML, engine.registry());
    let run = engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await;
    world.arrival().await;
    run.unwrap().id()
}

async fn listed(engine: &Engine) -> Vec<(RunId, RunStatus, Option<ErrorCode>)> {
    let runs = engine.list(&Tenant::default(), &RunFilter::default()).await.unwrap();
    runs.into_iter().map(|run| (run.id, run.status, run.failure.map(|failure| failure.code))).collect()
}

#[tokio::test]
async fn a_run_whose_journal_is_damaged_is_parked_while_others_go_on_and_can_be_cancelled() {
    for value in [Some("rubbish"), None] {
        let (ground, world) = (Ground::new(), World::default());
        world.shut();
        let first = ground.engine(&world).build();
        let (damaged, whole) = (started(&first, &world).await, started(&first, &world).await);
        first.close().await;
        damage(&ground, "journal", damaged, value).await;
        world.open();

        let second = ground.engine(&world).build();
        let tenant = Tenant::default();
        let taken = second.resume_all(&tenant, &me()).await.unwrap();
        assert_eq!(taken.refused.len(), 0);
        for run in &taken.runs {
            run.wait().await.unwrap();
        }
        let corrupt = Some(ErrorCode::JournalCorrupt);
        assert_eq!(
            listed(&second).await,
            [(whole, RunStatus::Succeeded, None), (damaged, RunStatus::Parked, corrupt)],
        );
        let end = second.resume(&tenant, damaged, &me(), None).await.unwrap().end().unwrap();
        assert_eq!((end.status, end.failure.as_ref().map(|why| why.code)), (RunStatus::Parked, corrupt));

        second.cancel(&tenant, damaged, &me(), None).await.unwrap();
        let cancelled = Some(ErrorCode::RunCancelled);
        assert_eq!(
            listed(&second).await,
            [(whole, RunStatus::Succeeded, None), (damaged, RunStatus::Cancelled, cancelled)],
        );
        second.close().await;
    }
}

#[tokio::test]
async fn so_is_one_of_which_a_blob_is_missing() {
    let (mut ground, world) = (Ground::new(), World::default());
    world.shut();
    let first = ground.engine(&world).build();
    let (plan, tenant) = (plan(YAML, first.registry()), Tenant::default());
    let inputs = Value::map([("text", Value::from("x".repeat(100_000)))]);
    let run = first.start(&plan, inputs, RunOptions::default(), &me(), &tenant).await.unwrap().id();
    world.arrival().await;
    first.close().await;
    ground.blobs = Arc::new(MemoryBlobs::new());
    world.open();

    let second = ground.engine(&world).build();
    assert_eq!(second.resume_all(&tenant, &me()).await.unwrap().refused.len(), 0);
    assert_eq!(listed(&second).await, [(run, RunStatus::Parked, Some(ErrorCode::BlobMissing))]);
    second.cancel(&tenant, run, &me(), None).await.unwrap();
    assert_eq!(listed(&second).await, [(run, RunStatus::Cancelled, Some(ErrorCode::RunCancelled))]);
    second.close().await;
}
