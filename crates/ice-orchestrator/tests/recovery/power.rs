//! Runs on the embedded store, on a disk that loses power.

use std::sync::Arc;

use ice_core::id::Tenant;
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::{SimDisk, SimFault};
use ice_core::store::{BlobStore, Durability, EmbeddedOptions, EmbeddedStore, Store};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunFilter};
use ice_orchestrator::journal::{Decision, RunOptions, RunStatus};

use crate::common::{json, me, plan};
use crate::crashed::YAML;
use crate::world::{Ground, World};

fn ground(disk: &SimDisk) -> (Ground, Arc<EmbeddedStore>) {
    let disk: Arc<dyn ice_core::store::disk::Disk> = Arc::new(disk.clone());
    let blobs: Arc<dyn BlobStore> = Arc::new(DiskBlobs::open(Arc::clone(&disk)).unwrap());
    let store = Arc::new(EmbeddedStore::open_on(disk, None, EmbeddedOptions::default()).unwrap());
    (Ground { store: Arc::clone(&store) as Arc<dyn Store>, blobs }, store)
}

async fn finish(engine: &Engine) -> Option<Arc<ice_orchestrator::engine::RunEnd>> {
    let runs = engine.list(&Tenant::default(), &RunFilter::default()).await.unwrap();
    let run = runs.first()?.id;
    let mut decision = None;
    loop {
        let resumed = engine.resume(&Tenant::default(), run, &me(), decision).await;
        let Ok(handle) = resumed else { return None };
        let end = handle.wait().await.unwrap();
        if end.status != RunStatus::Parked {
            return Some(end);
        }
        decision = Some(Decision::Repeat);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_the_loss_of_power_anywhere() {
    let expected = json(r#"[[[1,0],[2,1],[3,2]],{"x":"big.true.x"},"both.branches[0].p"]"#);
    let (mut finished, mut absent, mut over) = (0, 0, 0);
    for stop in 0..70 {
        let (disk, world) = (SimDisk::new(), World::default());
        {
            let (ground, store) = ground(&disk);
            let engine = ground.engine(&world).build();
            let plan = plan(YAML, engine.registry());
            disk.inject(SimFault::Stop(stop));
            let inputs = Value::map([("big", Value::from("x".repeat(100_000)))]);
            let started = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await;
            if let Ok(handle) = started {
                let _end = handle.wait().await;
            }
            engine.close().await;
            let _poisoned = store.close().await;
        }
        disk.heal();
        disk.crash(stop);
        let (ground, store) = ground(&disk);
        assert_eq!(ground.store.offers().durability, Durability::PowerLoss);
        let engine = ground.engine(&world).build();
        match finish(&engine).await {
            Some(end) => {
                assert_eq!((end.status, end.output.get("end")), (RunStatus::Succeeded, Some(&expected)));
                finished += 1;
            }
            None if engine.list(&Tenant::default(), &RunFilter::default()).await.unwrap().is_empty() => {
                absent += 1
            }
            None => over += 1,
        }
        world.assert_keys();
        engine.close().await;
        store.close().await.unwrap();
    }
    assert!(finished > 5 && absent > 0 && over > 0, "{finished} {absent} {over}");
}
