//! Budgets of runs whose engine ends at any point: what was lost is taken to be spent, and nothing beyond the budget is.

use std::sync::Arc;
use std::time::Duration;

use ice_core::blueprint::Format;
use ice_core::budget::{Budget, Payer, Spend};
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{Decision, RunDocument, RunOptions, RunStatus};

use crate::common::{me, plan};
use crate::crashed::{only_run, runtime, to_the_end};
use crate::world::{Fault, Faulty, Ground, World};

/// Each call takes five tokens, and several times as many at worst.
const YAML: &str = "nodes:
- {id: a, type: agent, package: worker}
- {id: b, type: tool, tool_name: again, tool_args: {value: '{{ a.response }}'}}";
const SCRIPT: &str = r#"{"turns": [
    {"usage": {"input": 2, "output": 3}, "tool_calls": [{"name": "again"}]},
    {"usage": {"input": 2, "output": 3}, "tool_calls": [{"name": "again"}]},
    {"text": "done", "usage": {"input": 2, "output": 3}}]}"#;

fn registry(world: &World) -> Registry {
    let mut registry = world.registry();
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    let agent = format!(
        r#"{{"name": "worker", "tools": ["again"],
             "llm_config": {{"provider": "scripted", "model": "m", "max_tokens": 50, "script": {SCRIPT}}}}}"#
    );
    let agent = AgentDefinition::read(&agent, Format::Json, "worker.json");
    registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    registry
}

fn engine(ground: &Ground, world: &World) -> Engine {
    ground.engine(world).registry(registry(world)).build()
}

/// Lets the run go on to its end after an engine that ended after so many commits; nothing if it had no commit.
fn crashed_after(commits: u64, tokens: u64, shared: bool) -> Option<(Arc<RunEnd>, RunDocument, bool)> {
    let (ground, world) = (Ground::new(), World::default());
    let limit = Budget { tokens: Some(tokens), ..Budget::default() };
    let options =
        RunOptions { budget: if shared { Budget::default() } else { limit }, ..RunOptions::default() };
    let first = runtime();
    if shared {
        first.block_on(async {
            let engine = engine(&ground, &world);
            engine.set_budget(&Tenant::default(), &Payer::Tenant, limit, None).await.unwrap();
            engine.close().await;
        });
    }
    let finished = first.block_on(async {
        let store = Faulty::new(Arc::clone(&ground.store), commits, Fault::Hang);
        let struck = Arc::clone(&store.struck);
        let engine = ground.engine(&world).registry(registry(&world));
        let engine = engine.store(Arc::new(store), Arc::clone(&ground.blobs)).build();
        let plan = plan(YAML, engine.registry());
        tokio::select! {
            started = async {
                let started = engine.start(&plan, Value::Null, options, &me(), &Tenant::default()).await;
                started.unwrap().wait().await
            } => Some(started.unwrap()),
            () = struck.notified() => None,
        }
    });
    first.shutdown_timeout(Duration::from_secs(5));
    runtime().block_on(async {
        let engine = engine(&ground, &world);
        let run = only_run(&engine).await?;
        let is_whole = finished.is_some();
        let end = match finished {
            Some(end) => end,
            None => to_the_end(&engine, run, Decision::Repeat).await.0,
        };
        let document = engine.show(&Tenant::default(), run).await.unwrap();
        // What a process that ended has left is settled when its runs are taken up.
        engine.resume_all(&Tenant::default(), &me()).await.unwrap();
        for budget in engine.budgets(&Tenant::default()).await.unwrap() {
            assert_eq!((budget.spent, budget.held), (document.spent, Spend::default()), "{commits}");
        }
        engine.close().await;
        Some((end, document, is_whole))
    })
}

#[test]
fn a_crash_anywhere_overdraws_no_budget() {
    overdraws_nothing(false);
}

#[test]
fn a_crash_anywhere_overdraws_no_shared_budget_and_nothing_of_it_is_lost() {
    overdraws_nothing(true);
}

#[cfg(test)]
fn overdraws_nothing(shared: bool) {
    let (mut refused, mut lost, mut whole) = (0, 0, 0);
    // Enough for the three calls and little besides, and enough for all.
    for tokens in [45, 400] {
        for commits in 0..40 {
            let Some((end, document, is_whole)) = crashed_after(commits, tokens, shared) else { continue };
            assert!(document.spent.tokens <= tokens, "{commits}: {:?}", document.spent);
            assert!(document.spent.tokens >= document.usage.total(), "{commits}: {:?}", document.spent);
            lost += u32::from(document.spent.tokens > document.usage.total());
            whole += u32::from(is_whole);
            if end.status == RunStatus::Succeeded {
                assert_eq!(document.usage.total(), 15);
            } else {
                assert_eq!(end.failures[0].failure.code, ErrorCode::BudgetExceeded, "{end:?}");
                refused += 1;
            }
            assert!(tokens == 45 || end.status == RunStatus::Succeeded, "{commits}: {end:?}");
            assert!(!is_whole || document.spent.tokens == document.usage.total());
        }
    }
    assert!(refused > 0 && lost > 2 && whole > 2, "{refused} {lost} {whole}");
}
