//! Budgets that runs share: what is not there is spent by none of them.

use std::sync::Arc;
use std::time::Duration;

use crate::budgets::{CHAIN, Ground, TURN, failure};
use crate::common::{json, me, plan, replays};
use ice_core::budget::{Budget, Payer, Period, Spend};
use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::store::{BlobStore, MemoryBlobs, MemoryStore, Store};
use ice_core::time::{Clock, IdSource, Moment, SystemIds, TestClock};
use ice_orchestrator::engine::{Engine, Fork, Reply, RunEnd, RunHandle, SharedBudget};
use ice_orchestrator::journal::{RunOptions, RunStatus};

/// A question stands between two calls of a model; a call takes fifteen tokens, and thirty at worst.
const ASKS: &str = "blueprint_id: asks
nodes:
- {id: a, type: llm, provider: scripted, model: m, prompt: '0123456789012345678901234567890123456789', llm_config: {max_tokens: 20}}
- {id: ask, type: human, prompt_message: 'go on?', dependencies: [a]}
- {id: b, type: llm, provider: scripted, model: m, dependencies: [ask], prompt: '0123456789012345678901234567890123456789', llm_config: {max_tokens: 20}}";

#[cfg(test)]
fn tenant() -> Tenant {
    Tenant::default()
}

#[cfg(test)]
async fn set(engine: &Engine, payer: &Payer, limit: &str, per: Option<Period>) -> SharedBudget {
    engine.set_budget(&tenant(), payer, serde_json::from_str(limit).unwrap(), per).await.unwrap()
}

#[cfg(test)]
async fn of_tenant(engine: &Engine) -> SharedBudget {
    let found = engine.budgets(&tenant()).await.unwrap();
    found.into_iter().find(|budget| budget.payer == Payer::Tenant).unwrap()
}

#[cfg(test)]
async fn start(engine: &Engine, yaml: &str) -> RunHandle {
    let plan = plan(yaml, engine.registry());
    let options = RunOptions::default();
    engine.start(&plan, json(r#"{"n": 3}"#), options, &me(), &tenant()).await.unwrap()
}

#[cfg(test)]
async fn end(engine: &Engine, yaml: &str) -> Arc<RunEnd> {
    let end = start(engine, yaml).await.wait().await.unwrap();
    replays(engine, end.id).await;
    end
}

#[cfg(test)]
async fn approve(engine: &Engine, run: RunId) {
    let reply = Reply {
        node: "ask".parse().unwrap(),
        response: json("\"approve\""),
        comment: None,
        id: SystemIds.uuid(),
    };
    engine.answer(&tenant(), run, reply, &me()).await.unwrap();
}

#[tokio::test]
async fn runs_of_a_tenant_spend_one_budget_together() {
    let ground = Ground::new(TURN);
    // A run takes 45 tokens, and needs 60 for its last call.
    set(&ground.engine, &Payer::Tenant, r#"{"tokens": 110}"#, None).await;
    assert_eq!(end(&ground.engine, CHAIN).await.status, RunStatus::Succeeded);
    let after = of_tenant(&ground.engine).await;
    assert_eq!((after.spent.tokens, after.spent.model_calls), (45, 3));
    assert_eq!((after.held.is_nothing(), after.left().tokens), (true, Some(65)));
    assert_eq!(end(&ground.engine, CHAIN).await.status, RunStatus::Succeeded);
    let third = end(&ground.engine, CHAIN).await;
    let (code, message) = failure(&third);
    assert_eq!((third.status, code), (RunStatus::Failed, ErrorCode::BudgetExceeded));
    assert!(
        message.contains(
            "the budget of the tenant does not allow it: it takes up to 30 tokens, and 20 of 110 are left"
        ),
        "{message}"
    );
    assert_eq!((ground.asked(), of_tenant(&ground.engine).await.spent.tokens), (6, 90));
    // More of it, and runs go on; what was spent counts.
    let more = set(&ground.engine, &Payer::Tenant, r#"{"tokens": 150}"#, None).await;
    assert_eq!(more.spent.tokens, 90);
    assert_eq!(end(&ground.engine, CHAIN).await.status, RunStatus::Succeeded);
    // Without it as well.
    let removed = ground.engine.remove_budget(&tenant(), &Payer::Tenant).await.unwrap();
    assert_eq!(removed.map(|budget| budget.spent.tokens), Some(135));
    assert_eq!(end(&ground.engine, CHAIN).await.status, RunStatus::Succeeded);
    assert_eq!(ground.engine.budgets(&tenant()).await.unwrap(), []);
}

#[tokio::test]
async fn the_budget_of_a_blueprint_is_that_of_its_runs_alone() {
    let ground = Ground::new(TURN);
    let (one, other) = (format!("blueprint_id: one\n{CHAIN}"), format!("blueprint_id: other\n{CHAIN}"));
    let payer = Payer::Blueprint("one".parse().unwrap());
    set(&ground.engine, &payer, r#"{"model_calls": 4}"#, None).await;
    set(&ground.engine, &Payer::Tenant, r#"{"model_calls": 100}"#, None).await;
    assert_eq!(end(&ground.engine, &one).await.status, RunStatus::Succeeded);
    assert_eq!(end(&ground.engine, &other).await.status, RunStatus::Succeeded);
    let (code, message) = failure(&*end(&ground.engine, &one).await);
    assert_eq!(code, ErrorCode::BudgetExceeded);
    assert!(message.contains("the budget of the blueprint `one` does not allow it"), "{message}");
    let budgets = ground.engine.budgets(&tenant()).await.unwrap();
    let calls: Vec<(Payer, u64)> =
        budgets.into_iter().map(|budget| (budget.payer, budget.spent.model_calls)).collect();
    assert_eq!(calls, [(payer, 4), (Payer::Tenant, 7)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_side_by_side_do_not_overdraw_together() {
    let turn = TURN.replace("\"times\"", "\"delay_ms\": 1, \"times\"");
    let ground = Ground::new(&turn);
    for limit in [0, 29, 300, 1_000] {
        set(&ground.engine, &Payer::Tenant, &format!(r#"{{"tokens": {limit}}}"#), None).await;
        let before = ground.asked();
        let mut handles = Vec::new();
        for _ in 0..24 {
            handles.push(start(&ground.engine, CHAIN).await);
        }
        let mut ends = Vec::new();
        for handle in &handles {
            ends.push(handle.wait().await.unwrap());
        }
        let calls = (ground.asked() - before) as u64;
        let after = of_tenant(&ground.engine).await;
        assert!(after.spent.tokens <= limit, "{limit}: {after:?}");
        assert!(after.held.is_nothing(), "{limit}: {after:?}");
        assert_eq!(after.spent.model_calls, calls);
        assert_eq!(limit < 30, calls == 0, "{limit}: {calls}");
        for end in ends {
            replays(&ground.engine, end.id).await;
        }
        ground.engine.remove_budget(&tenant(), &Payer::Tenant).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_waits_holds_nothing_of_a_shared_budget() {
    let ground = Ground::new(TURN);
    set(&ground.engine, &Payer::Tenant, r#"{"tokens": 10000}"#, None).await;
    let handle = start(&ground.engine, ASKS).await;
    ground.engine.drain().await;
    let waiting = of_tenant(&ground.engine).await;
    assert_eq!((waiting.spent.tokens, waiting.held), (15, Spend::default()));
    // Nor does one that has drawn just what it took.
    set(&ground.engine, &Payer::Tenant, r#"{"model_calls": 3}"#, None).await;
    start(&ground.engine, ASKS).await;
    ground.engine.drain().await;
    let waiting = of_tenant(&ground.engine).await;
    assert_eq!((waiting.spent.model_calls, waiting.held), (2, Spend::default()));
    // What was set meanwhile counts from here on.
    set(&ground.engine, &Payer::Tenant, r#"{"tokens": 55}"#, None).await;
    approve(&ground.engine, handle.id()).await;
    let (_, message) = failure(&handle.wait().await.unwrap());
    assert!(message.contains("it takes up to 30 tokens, and 25 of 55 are left"), "{message}");
    replays(&ground.engine, handle.id()).await;
}

#[tokio::test]
async fn a_budget_set_while_a_run_waits_holds_for_what_comes_then() {
    let ground = Ground::new(TURN);
    let handle = start(&ground.engine, ASKS).await;
    let begun = Duration::from_secs(5);
    tokio::time::timeout(begun, ground.engine.drain()).await.unwrap();
    set(&ground.engine, &Payer::Tenant, r#"{"tokens": 30}"#, None).await;
    // In memory it goes on as it began; another engine takes it up with what is there.
    let asleep = async {
        while ground.engine.budgets(&tenant()).await.is_ok() && !is_asleep(&ground.engine, handle.id()).await
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(begun, asleep).await.unwrap();
    approve(&ground.engine, handle.id()).await;
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Succeeded);
    // The first call was before, the second is counted.
    assert_eq!(of_tenant(&ground.engine).await.spent.tokens, 15);
    replays(&ground.engine, handle.id()).await;
}

/// Whether a run waits outside of memory.
#[cfg(test)]
async fn is_asleep(engine: &Engine, run: RunId) -> bool {
    let waits = engine.show(&tenant(), run).await.unwrap().status == RunStatus::Waiting;
    waits && engine.handle(run).is_none()
}

#[tokio::test]
async fn a_month_begins_with_all_of_its_budget() {
    let clock = Arc::new(TestClock::new(Moment::from_millis(1_700_000_000_000)));
    let ground = Ground::new(TURN);
    let builder = Engine::builder().registry(ground.engine.registry().clone());
    let engine = builder.time(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(SystemIds)).build();
    set(&engine, &Payer::Tenant, r#"{"model_calls": 3}"#, Some(Period::Month)).await;
    assert_eq!(end(&engine, CHAIN).await.status, RunStatus::Succeeded);
    assert_eq!(end(&engine, CHAIN).await.status, RunStatus::Failed);
    clock.advance(Duration::from_secs(31 * 24 * 3_600));
    assert_eq!(end(&engine, CHAIN).await.status, RunStatus::Succeeded);
    assert_eq!(of_tenant(&engine).await.spent.model_calls, 3);
}

#[tokio::test]
async fn a_run_that_cannot_succeed_within_a_shared_budget_is_not_begun() {
    let ground = Ground::new(TURN);
    set(&ground.engine, &Payer::Tenant, r#"{"model_calls": 1}"#, None).await;
    let plan = plan(ASKS, ground.engine.registry());
    let started =
        ground.engine.start(&plan, json("{}"), RunOptions::default(), &me(), &tenant()).await.unwrap_err();
    assert_eq!(started.code(), ErrorCode::BudgetExceeded);
    assert_eq!(
        started.to_string(),
        "the run cannot succeed within the budget of the tenant: it takes at least 2 model calls, and 1 of 1 are left"
    );
    let nothing = ground.engine.set_budget(&tenant(), &Payer::Tenant, Budget::default(), None).await;
    assert_eq!(nothing.unwrap_err().code(), ErrorCode::InputInvalid);
}

#[tokio::test]
async fn a_fork_pays_for_what_it_does_anew_and_may_have_another_budget() {
    let ground = Ground::new(TURN);
    set(&ground.engine, &Payer::Tenant, r#"{"tokens": 1000}"#, None).await;
    let options =
        RunOptions { budget: serde_json::from_str(r#"{"tokens": 50}"#).unwrap(), ..RunOptions::default() };
    let (first, _) = ground.run(CHAIN, options).await;
    assert_eq!((first.status, of_tenant(&ground.engine).await.spent.tokens), (RunStatus::Failed, 30));
    let fork = Fork::at("if.true.c".parse().unwrap());
    let same = ground.engine.fork(&tenant(), first.id, fork.clone(), &me()).await.unwrap();
    assert_eq!(failure(&same.wait().await.unwrap()).0, ErrorCode::BudgetExceeded);
    let budget = Some(serde_json::from_str(r#"{"tokens": 60}"#).unwrap());
    let more = Fork { budget, ..fork };
    let more = ground.engine.fork(&tenant(), first.id, more, &me()).await.unwrap();
    let end = more.wait().await.unwrap();
    assert_eq!((end.status, ground.asked()), (RunStatus::Succeeded, 3));
    replays(&ground.engine, end.id).await;
    assert_eq!(of_tenant(&ground.engine).await.spent.tokens, 45);
}

#[tokio::test]
async fn a_run_that_came_from_elsewhere_has_drawn_nothing_here() {
    let there = Ground::new(TURN);
    set(&there.engine, &Payer::Tenant, r#"{"tokens": 10000}"#, None).await;
    let handle = start(&there.engine, ASKS).await;
    there.engine.drain().await;
    let mut file = Vec::new();
    let mut export = there.engine.export(&tenant(), handle.id()).await.unwrap();
    while let Some(bytes) = export.next().await.unwrap() {
        file.extend_from_slice(&bytes);
    }
    let here = Ground::new(TURN);
    set(&here.engine, &Payer::Tenant, r#"{"tokens": 20}"#, None).await;
    let mut import = here.engine.import(&tenant(), &me());
    import.push(&file).await.unwrap();
    let arrived = import.finish().await.unwrap();
    let handle = here.engine.resume(&tenant(), arrived.run, &me(), None).await.unwrap();
    here.engine.drain().await;
    approve(&here.engine, arrived.run).await;
    let end = handle.wait().await.unwrap();
    let (_, message) = failure(&end);
    assert!(message.contains("it takes up to 30 tokens, and 20 of 20 are left"), "{message}");
}

#[tokio::test]
async fn two_engines_on_one_store_share_the_budget() {
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let ground = Ground::new(TURN);
    let engine = |name: &str| {
        Engine::builder()
            .store(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&blobs) as Arc<dyn BlobStore>)
            .registry(ground.engine.registry().clone())
            .name(name)
            .build()
    };
    let (one, other) = (engine("one"), engine("other"));
    // The other has looked before there was one.
    assert_eq!(end(&other, CHAIN).await.status, RunStatus::Succeeded);
    set(&one, &Payer::Tenant, r#"{"tokens": 400}"#, None).await;
    let seen = async {
        while other.budgets(&tenant()).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    seen.await;
    let mut handles = Vec::new();
    for _ in 0..10 {
        handles.push(start(&one, CHAIN).await);
        handles.push(start(&other, CHAIN).await);
    }
    for handle in handles {
        handle.wait().await.unwrap();
    }
    let after = of_tenant(&one).await;
    assert!(after.spent.tokens > 300 && after.spent.tokens <= 400, "{after:?}");
    assert!(after.held.is_nothing());
}
