//! Runs that are moved to another plan, and runs that are imported, while processes end at any commit.

use std::sync::Arc;
use std::time::Duration;

use ice_core::id::{RunId, Tenant};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, Reply, RunError};
use ice_orchestrator::journal::{Decision, RunOptions, RunStatus};
use ice_orchestrator::workflow::Plan;

use crate::common::{json, me, plan, replays};
use crate::world::{Fault, Ground, World};

const YAML: &str = "nodes:
- {id: a, type: tool, tool_name: once}
- {id: ask, type: human, prompt_message: 'is {{ a }} right?'}
- {id: say, type: tool, tool_name: again, tool_args: {value: 'it was {{ a }}'}, dependencies: [ask]}";

fn plans(world: &World) -> (Arc<Plan>, Arc<Plan>) {
    let registry = world.registry();
    (plan(YAML, &registry), plan(&YAML.replace("it was", "now it is"), &registry))
}

async fn start(engine: &Engine, plan: &Arc<Plan>) -> Result<RunId, RunError> {
    let options = RunOptions { idempotency_key: Some("k".to_owned()), ..RunOptions::default() };
    let handle = engine.start(plan, json("{}"), options, &me(), &Tenant::default()).await?;
    engine.drain().await;
    Ok(handle.id())
}

async fn answer(engine: &Engine, run: RunId) -> Result<(), RunError> {
    let (node, response) = ("ask".parse().unwrap(), Value::from(true));
    let reply = Reply { node, response, comment: None, id: uuid::Uuid::from_u128(7) };
    engine.answer(&Tenant::default(), run, reply, &me()).await?;
    engine.drain().await;
    Ok(())
}

#[tokio::test]
async fn a_run_is_moved_whole_or_not_at_all_whenever_its_process_ends() {
    let mut moved_before = 0;
    for commits in 0..9 {
        for fault in [Fault::Hang, Fault::Fail] {
            let (ground, world) = (Ground::new(), World::default());
            let (first, second) = plans(&world);
            let (engine, struck) = ground.faulty(&world, commits, fault);
            let work = async {
                let run = start(&engine, &first).await?;
                engine.migrate(&Tenant::default(), run, &second, &me()).await?;
                answer(&engine, run).await
            };
            tokio::select! {
                _ = work => {}
                () = struck.notified() => tokio::time::sleep(Duration::from_millis(5)).await,
            }
            drop(engine);

            let engine = ground.engine(&world).build();
            engine.resume_all(&Tenant::default(), &me()).await.unwrap();
            engine.drain().await;
            let run = start(&engine, &first).await.unwrap();
            let shown = engine.show(&Tenant::default(), run).await.unwrap();
            moved_before += shown.migrations.len();
            if !shown.status.is_final() {
                engine.migrate(&Tenant::default(), run, &second, &me()).await.unwrap();
                if shown.status == RunStatus::Parked {
                    let again = Some(Decision::Repeat);
                    engine.resume(&Tenant::default(), run, &me(), again).await.unwrap();
                    engine.drain().await;
                }
                answer(&engine, run).await.unwrap();
            }
            let end = engine.show(&Tenant::default(), run).await.unwrap();
            assert_eq!(end.status, RunStatus::Succeeded, "{commits} {fault:?}: {:?}", end.failure);
            assert_eq!(end.migrations.len(), 1, "{commits} {fault:?}");
            assert_eq!(end.output.get("say"), Some(&Value::from("now it is a")), "{commits} {fault:?}");
            assert!(world.count("a") <= 2, "once more at most, as somebody said so");
            replays(&engine, run).await;
        }
    }
    assert!(moved_before > 2, "some processes ended after the move: {moved_before}");
}

#[tokio::test]
async fn an_import_that_does_not_come_to_its_end_leaves_no_run_and_is_done_again() {
    let (here, world) = (Ground::new(), World::default());
    let yaml = "nodes: [{id: a, type: tool, tool_name: again, tool_args: {value: '{{ inputs.text }}'}}]";
    let engine = here.engine(&world).build();
    let inputs = Value::map([("text", Value::from("t".repeat(100_000)))]);
    let plan = plan(yaml, engine.registry());
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    handle.wait().await.unwrap();
    let mut export = engine.export(&Tenant::default(), handle.id()).await.unwrap();
    let mut file = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        file.extend_from_slice(&piece);
    }
    let import = async |engine: &Engine| {
        let mut import = engine.import(&Tenant::default(), &me());
        import.push(&file).await?;
        import.finish().await
    };
    for fault in [Fault::Hang, Fault::Fail] {
        let there = Ground::new();
        let (engine, struck) = there.faulty(&world, 0, fault);
        let failed = tokio::select! {
            done = import(&engine) => done.is_err(),
            () = struck.notified(), if fault == Fault::Hang => true,
        };
        assert!(failed);
        let engine = there.engine(&world).build();
        assert!(engine.list(&Tenant::default(), &Default::default()).await.unwrap().is_empty());
        assert!(!import(&engine).await.unwrap().was_here);
        assert_eq!(engine.show(&Tenant::default(), handle.id()).await.unwrap().status, RunStatus::Succeeded);
        replays(&engine, handle.id()).await;
    }
}
