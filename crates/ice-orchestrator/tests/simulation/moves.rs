//! Runs that are moved to other blueprints at any time they rest, among crashes, answers and decisions.

use std::sync::Arc;
use std::time::Duration;

use crate::common;
use ice_core::error::ErrorCode;
use ice_core::value::Value;
use ice_orchestrator::journal::{Decision, Failure, Intent, RunOptions, RunStatus};
use ice_orchestrator::simulation::{Call, Faults, Finished, Random, Reply, Simulation};

const YAML: &str = "nodes:
- {id: a, type: tool, tool_name: irreversible, tool_args: {value: 1}}
- {id: again, type: tool, tool_name: idempotent, tool_args: {fails: 1}, retry_policy: {max_attempts: 3, backoff_seconds: 9}}
- {id: ask, type: human, prompt_message: 'is {{ a }} right?', timeout_seconds: 60, dependencies: [again]}
- {id: each, type: loop, items_source: '{{ [1, 2] }}', dependencies: [a], body: [{id: y, type: tool, tool_name: idempotent, tool_args: {value: '{{ item }}'}}, {id: q, type: human, prompt_message: and?, timeout_seconds: 5}]}
- {id: last, type: tool, tool_name: irreversible, tool_args: {value: '{{ ask.approved }}'}, dependencies: [each]}";

fn world(call: &Call<'_>) -> Reply {
    let Intent::Tool { input, .. } = call.intent else { return Reply::never() };
    let fails = input.get("fails").and_then(Value::as_i64).unwrap_or_default();
    let reply = if i64::from(call.attempt) <= fails {
        Reply::fail(Failure::passing(ErrorCode::ToolFailed, "as asked"))
    } else {
        Reply::give(input.get("value").cloned().unwrap_or_default())
    };
    reply.after(Duration::from_secs(1))
}

/// Runs [`YAML`], which may be moved to what it is with each of these replaced.
fn moved(changes: &[(&str, &str)], seed: u64) -> Finished {
    let registry = common::effects();
    let others = changes.iter().map(|(from, to)| {
        assert!(YAML.contains(from), "{from}");
        common::plan(&YAML.replace(from, to), &registry)
    });
    let faults = Faults {
        crashes: 2,
        cancels: u32::from(seed.is_multiple_of(5)),
        decisions: vec![Decision::Repeat, Decision::Fail],
        unresponsive: false,
        late: seed.is_multiple_of(2),
        shared: None,
    };
    let plan = common::plan(YAML, &registry);
    let mut choices = Random::new(seed);
    let run = Simulation::new(&plan, common::json("{}"), RunOptions::default(), world, &mut choices);
    let run = run.faults(faults).moves(others.collect());
    run.run().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"))
}

#[test]
fn runs_that_are_moved_at_any_time_go_on_and_fold_and_replay_to_the_same() {
    let changes = [
        (
            "last, type: tool",
            "new, type: tool, tool_name: idempotent, tool_args: {value: '{{ a }}'}}\n- {id: last, type: tool",
        ),
        ("'{{ ask.approved }}'", "['{{ ask.approved }}']"),
        ("prompt_message: and?", "prompt_message: or?"),
        ("value: 1}", "value: 2}"),
    ];
    let (mut moves, mut twice, mut ended) = (0, 0, 0);
    for seed in 0..150 {
        let finished = moved(&changes, seed);
        moves += finished.moved;
        twice += u32::from(finished.moved > 1);
        ended += u32::from(finished.status == RunStatus::Succeeded);
        let kinds = finished.journal.concat();
        let said = String::from_utf8_lossy(&kinds).matches(r#""t":"migrated""#).count();
        assert_eq!(said, finished.moved as usize);
        // Whoever takes up what is left does it over the plan it was moved to last.
        let mut choices = Random::new(seed);
        let plan = Arc::clone(&finished.plan);
        let resumed = Simulation::resume(&plan, &finished.journal, world, &mut choices).unwrap();
        if finished.status.is_final() {
            assert_eq!(resumed.run().unwrap().output, finished.output);
        }
    }
    assert!(moves > 60 && twice > 15 && ended > 50, "{moves} moves, {twice} runs twice, {ended} ended");
}

#[test]
fn what_was_done_is_never_another_after_a_move() {
    // The value of a node that every run begins with: whoever moves late enough is refused.
    let mut refused = 0;
    for seed in 0..100 {
        let finished = moved(&[("value: 1}", "value: 2}")], seed);
        let was =
            |text: &str| finished.journal.concat().windows(text.len()).any(|part| part == text.as_bytes());
        assert!(
            !(finished.moved > 0
                && was(r#""n":"a","i":{"k":"tool","tool":"irreversible","input":{"value":1}}"#))
        );
        refused += u32::from(finished.trace.iter().any(|line| line.contains("refused: ")));
    }
    assert!(refused > 15, "{refused}");
}
