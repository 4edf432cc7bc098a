//! The state machine under every order of events, with crashes, against an independent evaluator.

use std::sync::Arc;
use std::time::Duration;

use crate::common;
use crate::generate::{Generator, Scope, Wishes, inputs};
use crate::oracle::{Oracle, give, plain};
use ice_core::blueprint::Blueprint;
use ice_core::budget::Budget;
use ice_core::check::check;
use ice_core::error::ErrorCode;
use ice_core::registry::{NamedBlueprint, Registry};
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::journal::{Decision, Failure, FailurePolicy, RunOptions, RunStatus};
use ice_orchestrator::simulation::{
    Act, Call, Choices, Faults, Finished, Paths, Random, Reply, Simulation, Step, Violation,
};
use ice_orchestrator::workflow::{Plan, compile};
use proptest::prelude::*;

/// A generated blueprint, ready to run.
struct Case {
    top: Scope,
    sub: Scope,
    plan: Arc<Plan>,
}

fn case(bytes: &[u8], wishes: Wishes) -> Case {
    let mut generator = Generator::new(bytes, wishes, 12);
    let top = generator.scope(0, &[], 6);
    let sub = generator.sub();
    let mut registry = common::effects();
    registry.blueprints.register(NamedBlueprint::new("sub", blueprint("sub", &sub))).unwrap();
    let plan = plan(&blueprint("top", &top), &registry);
    Case { top, sub, plan }
}

fn blueprint(id: &str, scope: &Scope) -> Blueprint {
    let document = serde_json::json!({ "blueprint_id": id, "nodes": scope.to_json() });
    serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{error}: {document}"))
}

fn plan(blueprint: &Blueprint, registry: &Registry) -> Arc<Plan> {
    let checked =
        check(&Arc::new(blueprint.clone()), &registry.catalog(ice_orchestrator::executable_kinds()));
    compile(&checked.unwrap_or_else(|problems| panic!("{problems}")), registry).unwrap()
}

/// Answers as the input of the tool says.
fn world(call: &Call<'_>) -> Reply {
    let input: serde_json::Value = serde_json::from_str(&call.input().to_string()).unwrap();
    if input["channels"].is_array() {
        return Reply::give(common::json(r#"{"slack": true}"#)).after(Duration::from_secs(1));
    }
    let seconds = input["seconds"].as_u64();
    let reply = if u64::from(call.attempt) <= input["fails"].as_u64().unwrap() {
        let unknown_outcome = input["unknown"] == true;
        let failure = Failure { unknown_outcome, ..Failure::passing(ErrorCode::ToolFailed, "as asked") };
        Reply::fail(failure)
    } else {
        let value = give(input["id"].as_str().unwrap(), input["reads"].as_array().unwrap());
        Reply::give(common::json(&value.to_string()))
    };
    match seconds {
        Some(seconds) => reply.after(Duration::from_secs(seconds)),
        None => Reply::never(),
    }
}

fn simulate(
    case: &Case,
    options: RunOptions,
    faults: Faults,
    choices: &mut impl Choices,
) -> Result<Finished, Violation> {
    let inputs = common::json(&inputs().to_string());
    Simulation::new(&case.plan, inputs, options, world, choices).faults(faults).run()
}

/// The output without the texts of failures: which of several comes first depends on the order.
fn plain_output(finished: &Finished) -> serde_json::Value {
    plain(&serde_json::from_str(&finished.output.to_string()).unwrap())
}

fn crashes(crashes: u32) -> Faults {
    Faults { crashes, decisions: vec![Decision::Repeat], late: true, ..Faults::default() }
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn policy(number: u8) -> FailurePolicy {
    [FailurePolicy::ContinuePossible, FailurePolicy::Always, FailurePolicy::Halt][usize::from(number)]
}

proptest! {
    /// Whatever the order, and however often the process ends: the run gives what plain recursion gives.
    #[test]
    fn runs_give_what_recursion_gives(
        bytes in any_bytes(),
        seed in any::<u64>(),
        failures in any::<bool>(),
        always in any::<bool>(),
        max_parallel in 1_u32..5,
        max_concurrent in prop::option::of(1_u32..4),
    ) {
        let case = case(&bytes, Wishes { unordered: false, failures });
        let failure_policy = policy(u8::from(always));
        // With a budget, things begin one after the other.
        let tool_calls = seed.is_multiple_of(2).then_some(1_000_000);
        let budget = Budget { tool_calls, ..Budget::default() };
        let options = RunOptions { max_parallel, max_concurrent, failure_policy, budget, ..RunOptions::default() };
        let oracle = Oracle { sub: &case.sub, always, failed: Default::default() };
        let (expected, failed) = oracle.run(&case.top, &Default::default());
        for faults in [Faults::default(), crashes(0), crashes(3)] {
            let finished = simulate(&case, options.clone(), faults, &mut Random::new(seed));
            let finished = finished.map_err(|violation| TestCaseError::fail(violation.to_string()))?;
            let status = if failed { RunStatus::Failed } else { RunStatus::Succeeded };
            prop_assert_eq!((finished.status, plain_output(&finished)), (status, expected.clone()), "{:#?}", finished.trace);
        }
    }

    /// With races, time-outs, cancellation and every failure policy the result may differ, but nothing that
    /// must always hold is violated, and the run ends.
    #[test]
    fn nothing_impossible_happens(
        bytes in any_bytes(),
        seed in any::<u64>(),
        number in 0_u8..3,
        max_parallel in 1_u32..5,
        max_concurrent in prop::option::of(1_u32..4),
        cancels in 0_u32..2,
        unresponsive in any::<bool>(),
    ) {
        let case = case(&bytes, Wishes { unordered: true, failures: true });
        // A small budget may end it anywhere.
        let budget = Budget { tool_calls: seed.is_multiple_of(2).then_some(seed % 13), ..Budget::default() };
        let options =
            RunOptions { max_parallel, max_concurrent, failure_policy: policy(number), budget, ..RunOptions::default() };
        let decisions = vec![Decision::Repeat, Decision::Fail];
        for late in [true, false] {
            let faults = Faults { crashes: 3, cancels, decisions: decisions.clone(), unresponsive, late, shared: None };
            let finished = simulate(&case, options.clone(), faults, &mut Random::new(seed));
            let finished = finished.map_err(|violation| TestCaseError::fail(violation.to_string()))?;
            prop_assert!(finished.status.is_final(), "{:?}", finished.status);
        }
    }

    /// A journal cut off anywhere, resumed by another process, ends as the whole one.
    #[test]
    fn cut_journals_go_on(bytes in any_bytes(), seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let case = case(&bytes, Wishes { unordered: false, failures: true });
        let whole = simulate(&case, RunOptions::default(), Faults::default(), &mut Random::new(seed));
        let whole = whole.map_err(|violation| TestCaseError::fail(violation.to_string()))?;
        let chunks = &whole.journal[..=cut.index(whole.journal.len())];
        let mut choices = Random::new(seed ^ 1);
        let resumed = Simulation::resume(&case.plan, chunks, world, &mut choices)
            .and_then(|resumed| resumed.faults(crashes(1)).run())
            .map_err(|violation| TestCaseError::fail(violation.to_string()))?;
        prop_assert_eq!((resumed.status, plain_output(&resumed)), (whole.status, plain_output(&whole)));
    }
}

/// Runs a blueprint under every sequence of choices, at most so many, and gives the distinct ends.
fn explore(
    yaml: &str,
    options: &RunOptions,
    faults: &Faults,
    most: usize,
) -> (usize, Vec<(RunStatus, String)>) {
    let plan = common::plan(yaml, &common::effects());
    let mut paths = Paths::new();
    let (mut count, mut ends) = (0, Vec::new());
    loop {
        let inputs = common::json(&inputs().to_string());
        let world = |call: &Call<'_>| match call.input().get("fails").and_then(Value::as_i64) {
            Some(fails) if i64::from(call.attempt) <= fails => {
                Reply::fail(Failure::passing(ErrorCode::ToolFailed, "as asked"))
            }
            Some(_) | None => Reply::give(call.path.as_str()),
        };
        let run =
            Simulation::new(&plan, inputs, options.clone(), world, &mut paths).faults(faults.clone()).run();
        let finished = run.unwrap_or_else(|violation| panic!("{violation}"));
        let end = (finished.status, finished.output.to_string());
        if !ends.contains(&end) {
            ends.push(end);
        }
        count += 1;
        if !paths.advance() || count == most {
            ends.sort();
            return (count, ends);
        }
    }
}

/// The most orders that are tried.
const MOST: usize = 3_000;

const DIAMOND: &str = "nodes:
- {id: a, type: tool, tool_name: pure}
- {id: b, type: tool, tool_name: irreversible, dependencies: [a]}
- {id: c, type: tool, tool_name: idempotent, dependencies: [a]}
- {id: d, type: tool, tool_name: pure, dependencies: [b, c]}";

#[test]
fn a_diamond_ends_the_same_in_every_order() {
    let (count, ends) = explore(DIAMOND, &RunOptions::default(), &Faults::default(), MOST);
    assert_eq!(ends, [(RunStatus::Succeeded, r#"{"a":"a","b":"b","c":"c","d":"d"}"#.to_owned())]);
    assert!(count < MOST, "{count} orders");
}

#[test]
fn a_pair_ends_the_same_in_every_order_with_a_crash_anywhere() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: irreversible}
- {id: b, type: tool, tool_name: pure}";
    let (count, ends) = explore(yaml, &RunOptions::default(), &Faults { late: false, ..crashes(1) }, MOST);
    assert_eq!(ends, [(RunStatus::Succeeded, r#"{"a":"a","b":"b"}"#.to_owned())]);
    assert!(count > 10 && count < MOST, "{count} orders");
}

#[test]
fn a_diamond_ends_once_cancelled_in_every_order() {
    let faults = Faults { cancels: 1, unresponsive: true, ..Faults::default() };
    let (count, ends) = explore(DIAMOND, &RunOptions::default(), &faults, MOST);
    let whole = ends.iter().filter(|(status, _)| *status == RunStatus::Succeeded).count();
    let cancelled = ends.iter().filter(|(status, _)| *status == RunStatus::Cancelled).count();
    assert_eq!((whole, whole + cancelled), (1, ends.len()), "{ends:?}");
    assert!(count > 20 && count < MOST, "{count} orders");
}

#[test]
fn a_race_is_decided_in_every_order() {
    let yaml = "nodes:
- id: p
  type: parallel
  wait_strategy: race
  branches:
  - [{id: x, type: tool, tool_name: irreversible}, {id: y, type: tool, tool_name: pure, dependencies: [x]}]
  - [{id: z, type: tool, tool_name: idempotent}]
- {id: after, type: tool, tool_name: pure, dependencies: [p]}";
    let z = r#"{"branch_results":[null,{"z":"p.branches[1].z"}],"merged":{"x":null,"y":null,"z":"p.branches[1].z"}}"#;
    let faults = Faults { crashes: 1, decisions: vec![Decision::Repeat], ..Faults::default() };
    let (count, ends) = explore(yaml, &RunOptions::default(), &faults, MOST);
    assert!(count > 10 && count < MOST, "{count} orders");
    assert!(ends.iter().all(|(status, _)| *status == RunStatus::Succeeded), "{ends:?}");
    assert!(ends.iter().any(|(_, output)| output.contains(z)), "{ends:?}");
    assert_eq!(ends.len(), 2, "each branch wins in some order: {ends:?}");
}

#[test]
fn questions_are_answered_once_in_every_order_with_a_crash_anywhere() {
    let yaml = "nodes:
- {id: ask, type: human, prompt_message: ok?, timeout_seconds: 9, output_selection: [approved, timeout_occurred]}
- {id: b, type: tool, tool_name: irreversible, when: {condition: c, branch: true}, dependencies: [c]}
- {id: c, type: condition, expression: ask.approved}";
    let given = |approved: bool, late: bool| {
        let c = format!(r#"{{"result":{approved},"branch":"{approved}","branch_outputs":{{}}}}"#);
        let ask = format!(r#"{{"approved":{approved},"timeout_occurred":{late}}}"#);
        let b = if approved { r#","b":"b""# } else { "" };
        (RunStatus::Succeeded, format!(r#"{{"ask":{ask}{b},"c":{c}}}"#))
    };
    let mut expected = [given(true, false), given(false, false), given(false, true)];
    expected.sort();
    let faults = Faults { decisions: vec![Decision::Repeat], ..crashes(1) };
    let (count, ends) = explore(yaml, &RunOptions::default(), &Faults { late: false, ..faults }, MOST);
    assert_eq!(ends, expected);
    assert!(count > 20 && count < MOST, "{count} orders");
}

#[test]
fn a_question_beside_what_is_in_doubt_keeps_nobody_waiting_for_ever() {
    let yaml = "nodes:
- {id: ask, type: human, prompt_message: ok?, approval_type: input_required, output_selection: [approved]}
- {id: b, type: tool, tool_name: irreversible}";
    let faults = Faults { decisions: vec![Decision::Repeat], late: false, ..crashes(1) };
    let (count, ends) = explore(yaml, &RunOptions::default(), &faults, MOST);
    assert_eq!(ends, [(RunStatus::Succeeded, r#"{"ask":{"approved":true},"b":"b"}"#.to_owned())]);
    assert!(count > 5 && count < MOST, "{count} orders");
}

#[test]
fn a_recursive_node_goes_on_from_every_record() {
    let mut registry = common::effects();
    let sub = "nodes: [{id: s, type: tool, tool_name: irreversible, tool_args: {value: '{{ inputs.n }}'}}]";
    common::with_blueprint(&mut registry, "sub", sub);
    let yaml = "nodes:
- {id: a, type: tool, tool_name: compensable, tool_args: {value: ['{{ r.iterations }}', '{{ r.result.s }}']}}
- {id: b, type: tool, tool_name: pure, tool_args: {value: '{{ a }}'}}
- id: r
  type: recursive
  workflow_ref: sub
  recursive_sources: [a]
  convergence_condition: r.iterations == 3
  input_mappings: {n: {source_node_id: b, source_output_key: .}}
- {id: after, type: tool, tool_name: pure, tool_args: {value: '{{ r.result.s }}'}}";
    let plan = common::plan(yaml, &registry);
    let world = |call: &Call<'_>| Reply::give(call.input().get("value").cloned().unwrap());
    let inputs = Value::empty_map();
    let whole =
        Simulation::new(&plan, inputs, RunOptions::default(), world, &mut Random::new(1)).run().unwrap();
    let last = r#"[2,[1,[null,null]]]"#;
    assert_eq!(whole.output.get("after").unwrap().to_string(), last, "{:?}", whole.failures);
    assert!(whole.journal.len() > 10, "{}", whole.journal.len());
    for cut in 1..=whole.journal.len() {
        for faults in [Faults { decisions: vec![Decision::Repeat], ..Faults::default() }, crashes(2)] {
            let mut choices = Random::new(cut as u64);
            let resumed = Simulation::resume(&plan, &whole.journal[..cut], world, &mut choices).unwrap();
            let resumed =
                resumed.faults(faults).run().unwrap_or_else(|violation| panic!("{cut}: {violation}"));
            assert_eq!((resumed.status, &resumed.output), (whole.status, &whole.output), "{cut}");
        }
    }
}

#[test]
fn random_blueprints_have_recursive_nodes_that_repeat() {
    let mut repeated = 0;
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let bytes: Vec<u8> = (0..300).map(|_| random.choose(256) as u8).collect();
        let case = case(&bytes, Wishes { unordered: false, failures: false });
        let finished =
            simulate(&case, RunOptions::default(), Faults::default(), &mut Random::new(seed)).unwrap();
        repeated += finished.trace.iter().filter(|line| line.contains("Iterated")).count();
    }
    assert!(repeated > 20, "{repeated}");
}

#[test]
fn halt_stops_in_every_order_and_names_the_node() {
    let yaml = "nodes:
- id: l
  type: loop
  items_source: inputs.items.1
  body: [{id: bad, type: tool, tool_name: pure, tool_args: {fails: 9}}]
- {id: other, type: tool, tool_name: pure}";
    let plan = common::plan(yaml, &common::effects());
    let options = RunOptions { failure_policy: FailurePolicy::Halt, ..RunOptions::default() };
    let world = |call: &Call<'_>| match call.path.as_str() {
        "other" => Reply::never(),
        _ => Reply::fail(Failure::new(ErrorCode::ToolFailed, "no")),
    };
    let inputs = common::json(&inputs().to_string());
    let mut choices = Random::new(1);
    let finished = Simulation::new(&plan, inputs, options.clone(), world, &mut choices).run().unwrap();
    assert_eq!(finished.status, RunStatus::Failed);
    assert_eq!(finished.failure.unwrap().message, "the node `l[0].body.bad` failed: no");
    let (_, ends) = explore(yaml, &options, &Faults { late: true, ..Faults::default() }, MOST);
    assert!(ends.iter().all(|(status, _)| *status == RunStatus::Failed), "{ends:?}");
}

/// Runs one node whose attempts make three steps, the second of them irreversible.
fn steps(faults: Faults, seed: u64, fails: u32) -> Finished {
    let yaml = "nodes: [{id: n, type: tool, tool_name: pure, retry_policy: {max_attempts: 3}}]";
    let plan = common::plan(yaml, &common::effects());
    let world = move |call: &Call<'_>| {
        let effects = [Effect::Pure, Effect::Irreversible, Effect::Idempotent];
        let steps =
            effects.into_iter().zip(1_i64..).map(|(effect, n)| Step { effect, result: Ok(Value::from(n)) });
        let act = match call.attempt <= fails {
            true => Act::Fail(Failure::passing(ErrorCode::ToolFailed, "not yet")),
            false => Act::Give(Value::from("done")),
        };
        Reply { after: Duration::ZERO, steps: steps.collect(), act }
    };
    let mut choices = Random::new(seed);
    let run = Simulation::new(&plan, Value::empty_map(), RunOptions::default(), world, &mut choices);
    run.faults(faults).run().unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn steps_that_ended_are_not_done_again_after_a_crash() {
    for seed in 0..400 {
        let finished = steps(crashes(3), seed, 0);
        assert_eq!(finished.status, RunStatus::Succeeded);
        let parked = finished.trace.iter().filter(|line| line.contains("Parked")).count();
        // Without a crash three steps are done; each crash may lose one.
        assert!((3..=6).contains(&finished.performed), "{} {parked}", finished.performed);
    }
    // An irreversible step that has happened stands against another attempt.
    let failed = steps(Faults::default(), 0, 1);
    assert_eq!((failed.status, failed.performed), (RunStatus::Failed, 3));
    assert!(failed.failure.unwrap().message.contains("not tried again"));
}

#[test]
fn a_container_is_not_tried_again_once_something_irreversible_happened_within() {
    let yaml = |effect: &str| {
        format!(
            "nodes:
- id: c
  type: condition
  expression: 'true'
  retry_policy: {{max_attempts: 3, backoff_seconds: 1}}
  true_path:
  - {{id: a, type: tool, tool_name: {effect}}}
  - {{id: b, type: tool, tool_name: pure, tool_args: {{fails: 9}}, dependencies: [a]}}"
        )
    };
    let run = |effect: &str| {
        let plan = common::plan(&yaml(effect), &common::effects());
        let world = |call: &Call<'_>| match call.input().get("fails") {
            Some(_) => Reply::fail(Failure::passing(ErrorCode::ToolFailed, "no")),
            None => Reply::give(1),
        };
        let mut choices = Random::new(1);
        Simulation::new(&plan, Value::empty_map(), RunOptions::default(), world, &mut choices).run().unwrap()
    };
    // a, b, three times each; a and b once.
    assert_eq!(run("idempotent").performed, 6);
    let once = run("irreversible");
    assert_eq!(once.performed, 2);
    assert!(once.failure.unwrap().message.contains("not tried again"));
}

#[test]
fn a_journal_that_does_not_fit_is_refused() {
    let plan = common::plan(DIAMOND, &common::effects());
    let mut choices = Random::new(1);
    let broken = vec![b"r{\"at\":1,\"t\":\"woken\",\"n\":\"a\"}\n".to_vec()];
    let world = |_: &Call<'_>| Reply::give(1);
    let violation = Simulation::resume(&plan, &broken, world, &mut choices).map(drop).unwrap_err();
    assert_eq!(violation.what, "the journal does not begin with a manifest");
}
