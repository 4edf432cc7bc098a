//! Every order of completions, failures, cancels, answers, timers and crashes, up to a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ice_core::budget::Budget;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::store::Key;
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{Decision, Failure, RunOptions, RunStatus};
use ice_orchestrator::simulation::{Call, Faults, Paths, Random, Reply, Simulation};

use crate::common;

/// The bound: a case must have come to its end after so many orders, so that none is left out. That none goes on for ever
/// is for the simulation to see: an event after which all is as it was is a violation.
const BOUND: usize = 3_000;

/// `slow` takes 4 s, what `fails` does so that often.
fn world(call: &Call<'_>) -> Reply {
    let number = |name: &str| call.input().get(name).and_then(Value::as_i64).unwrap_or_default();
    if i64::from(call.attempt) <= number("fails") {
        return Reply::fail(Failure::passing(ErrorCode::ToolFailed, "as asked"));
    }
    Reply::give(call.path.as_str()).after(Duration::from_secs(number("slow").unsigned_abs()))
}

/// Tries every order, and gives how many there are and the distinct ends.
fn all(yaml: &str, faults: &Faults) -> (usize, BTreeSet<(RunStatus, String)>) {
    let plan = common::plan(yaml, &common::effects());
    let (mut paths, mut count, mut ends) = (Paths::new(), 0, BTreeSet::new());
    loop {
        let options = RunOptions::default();
        let run = Simulation::new(&plan, Value::empty_map(), options, world, &mut paths);
        let finished = run.faults(faults.clone()).run().unwrap_or_else(|violation| panic!("{violation}"));
        ends.insert((finished.status, finished.output.to_string()));
        count += 1;
        assert!(count < BOUND, "more than {BOUND} orders");
        if !paths.advance() {
            return (count, ends);
        }
    }
}

fn by_status(ends: &BTreeSet<(RunStatus, String)>) -> BTreeMap<RunStatus, usize> {
    let mut counts = BTreeMap::new();
    ends.iter().for_each(|(status, _)| *counts.entry(*status).or_default() += 1);
    counts
}

#[test]
fn a_failure_its_retry_and_a_cancel_come_in_every_order() {
    let yaml = "nodes:
- id: again
  type: tool
  tool_name: idempotent
  tool_args: {fails: 1}
  retry_policy: {max_attempts: 2, backoff_seconds: 5, backoff_strategy: fixed}
- {id: after, type: tool, tool_name: irreversible, dependencies: [again]}";
    let (count, ends) =
        all(yaml, &Faults { cancels: 1, crashes: 1, decisions: vec![Decision::Repeat], ..Faults::default() });
    println!("{count} orders, {ends:?}");
    let whole = (RunStatus::Succeeded, r#"{"again":"again","after":"after"}"#.to_owned());
    let counts = by_status(&ends);
    assert!(ends.contains(&whole) && counts[&RunStatus::Succeeded] == 1 && counts.len() == 2, "{ends:?}");
    assert!(count > 20, "{count}");
}

#[test]
fn a_time_out_a_failure_and_a_cancel_with_a_crash_anywhere_come_in_every_order() {
    let yaml = "nodes:
- {id: slow, type: tool, tool_name: irreversible, tool_args: {slow: 4}, timeout_seconds: 4}
- {id: bad, type: tool, tool_name: pure, tool_args: {fails: 9}, dependencies: [slow]}";
    let decisions = vec![Decision::Repeat, Decision::Fail];
    let faults = Faults { crashes: 1, cancels: 1, decisions, ..Faults::default() };
    let (count, ends) = all(yaml, &faults);
    println!("{count} orders, {ends:?}");
    let counts = by_status(&ends);
    // A node fails in every order, unless the run is cancelled before.
    assert_eq!(
        counts.keys().copied().collect::<Vec<_>>(),
        [RunStatus::Failed, RunStatus::Cancelled],
        "{ends:?}"
    );
    let whole = (RunStatus::Failed, r#"{"slow":"slow"}"#.to_owned());
    assert!(ends.contains(&whole) && ends.contains(&(RunStatus::Failed, "{}".to_owned())), "{ends:?}");
    assert!(count > 50, "{count}");
}

#[test]
fn a_shared_budget_that_is_enough_for_two_of_three_calls_is_kept_in_every_order() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: idempotent}
- {id: b, type: tool, tool_name: irreversible}
- {id: c, type: tool, tool_name: pure, dependencies: [a]}";
    let shared = Some(Budget { tool_calls: Some(2), ..Budget::default() });
    let decisions = vec![Decision::Repeat];
    let faults = Faults { crashes: 1, cancels: 1, decisions, shared, ..Faults::default() };
    let (count, ends) = all(yaml, &faults);
    println!("{count} orders, {ends:?}");
    assert!(by_status(&ends).keys().eq(&[RunStatus::Failed, RunStatus::Cancelled]), "{ends:?}");
    assert!(ends.iter().all(|(_, output)| output.matches(':').count() <= 2), "{ends:?}");
    assert!(count > 10, "{count}");
}

#[test]
fn a_question_in_a_race_with_a_timer_and_a_crash_anywhere_is_decided_in_every_order() {
    let yaml = "nodes:
- id: p
  type: parallel
  wait_strategy: race
  branches:
  - [{id: ask, type: human, prompt_message: ok?, timeout_seconds: 5, output_selection: [approved]}]
  - [{id: slow, type: tool, tool_name: idempotent, tool_args: {slow: 4}}]
- {id: after, type: tool, tool_name: irreversible, dependencies: [p]}";
    let decisions = vec![Decision::Repeat];
    let faults = Faults { crashes: 1, decisions, ..Faults::default() };
    let (count, ends) = all(yaml, &faults);
    println!("{count} orders, {ends:?}");
    assert!(ends.iter().all(|(status, _)| *status == RunStatus::Succeeded), "{ends:?}");
    assert!(ends.iter().any(|(_, output)| output.contains("slow\":\"p.branches[1].slow")), "{ends:?}");
    assert!(ends.iter().any(|(_, output)| output.contains("approved\":true")), "{ends:?}");
    assert!(count > 50, "{count}");
}

#[test]
fn a_question_whose_time_runs_out_beside_work_under_way_is_cancelled_in_every_order() {
    let yaml = "nodes:
- {id: ask, type: human, prompt_message: ok?, timeout_seconds: 5}
- {id: slow, type: tool, tool_name: idempotent, tool_args: {slow: 4}}";
    let (count, ends) = all(yaml, &Faults { cancels: 1, ..Faults::default() });
    println!("{count} orders, {ends:?}");
    let counts = by_status(&ends);
    assert_eq!(
        counts.keys().copied().collect::<Vec<_>>(),
        [RunStatus::Succeeded, RunStatus::Cancelled],
        "{ends:?}"
    );
    // Approved or rejected, at once or after 4 s, or not answered in time; and whatever was there when it was cancelled.
    assert_eq!(counts[&RunStatus::Succeeded], 5, "{ends:?}");
    assert!(ends.contains(&(RunStatus::Cancelled, "{}".to_owned())), "{ends:?}");
    assert!(ends.contains(&(RunStatus::Cancelled, r#"{"slow":"slow"}"#.to_owned())), "{ends:?}");
    assert!(count > 40, "{count}");
}

/// The engine's driver and the simulation drive the same machine: each goes on where the other stood.
#[tokio::test]
async fn a_journal_of_the_engine_cut_anywhere_goes_on_in_the_simulation() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: pure, tool_args: {value: 1}}
- {id: b, type: tool, tool_name: irreversible, dependencies: [a]}
- {id: l, type: loop, items_source: '{{ [1, 2] }}', body: [{id: x, type: tool, tool_name: idempotent}]}
- {id: c, type: condition, expression: l != none, true_path: [{id: y, type: tool, tool_name: pure}], dependencies: [b]}";
    let registry = common::effects();
    let plan = common::plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let tenant = Tenant::default();
    let started =
        engine.start(&plan, Value::Null, RunOptions::default(), &common::me(), &tenant).await.unwrap();
    let end = started.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    let journal = Key::tenant(&tenant).folder("journal").folder(&end.id.to_string());
    let chunks = engine.store().scan(&journal, None, 1_000).await.unwrap();
    let chunks: Vec<Vec<u8>> = chunks.into_iter().map(|chunk| chunk.value.to_vec()).collect();
    assert!(chunks.len() >= 3, "{}", chunks.len());
    for cut in 1..=chunks.len() {
        let mut choices = Random::new(cut as u64);
        let same = |_: &Call<'_>| Reply::give(Value::Null);
        let resumed = Simulation::resume(&plan, &chunks[..cut], same, &mut choices).unwrap();
        let faults = Faults { decisions: vec![Decision::Repeat], ..Faults::default() };
        let resumed = resumed.faults(faults).run().unwrap_or_else(|violation| panic!("{cut}: {violation}"));
        assert_eq!((resumed.status, &resumed.output), (end.status, &end.output), "{cut}");
    }
}
