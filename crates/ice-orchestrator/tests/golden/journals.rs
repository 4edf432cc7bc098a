//! Journals of every version so far: they are read, folded and resumed to the recorded result, for ever.
//!
//! `ICE_BLESS=1` adds what is missing. What is there is never written again: a change of the format needs a new
//! version and a new folder, and this one stays.

use crate::common;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ice_core::blueprint::Blueprint;
use ice_core::budget::Budget;
use ice_core::check::check;
use ice_core::error::ErrorCode;
use ice_core::registry::{NamedBlueprint, Registry};
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::journal::{
    Decision, Failure, FailurePolicy, Intent, PinnedPlan, RECORD_VERSION, RunOptions,
};
use ice_orchestrator::simulation::{Act, Call, Faults, Finished, Random, Reply, Simulation, Step};
use ice_orchestrator::workflow::{Plan, compile};

/// What separates the chunks of a journal within its file.
const CHUNK: &str = "# chunk\n";

/// A run whose journal is kept.
struct Case {
    name: &'static str,
    yaml: &'static str,
    policy: FailurePolicy,
    max_concurrent: Option<u32>,
    /// A blueprint that the run may be moved to.
    moved_to: Option<&'static str>,
    faults: Faults,
    seed: u64,
    /// What must have happened before the end, as a text of the journal.
    after: &'static str,
    /// The journal is kept up to the first chunk that has this text; whole without.
    cut: Option<&'static str>,
}

const LARGE: &str = "nodes:
- {id: text, type: tool, tool_name: pure, tool_args: {text: 1500}}
- {id: again, type: tool, tool_name: idempotent, tool_args: {value: {one: '{{ text }}', two: ['{{ text }}']}}}
- {id: list, type: tool, tool_name: pure, tool_args: {list: 400, after: '{{ again }}'}}
- {id: reserved, type: tool, tool_name: pure, tool_args: {value: {$ice.text: x}, after: '{{ list }}'}}";

const KINDS: &str = "nodes:
- {id: a, type: tool, tool_name: pure, tool_args: {value: [1, 2, 3]}}
- id: each
  type: loop
  items_source: a
  body:
  - {id: x, type: tool, tool_name: idempotent, tool_args: {value: '{{ item }}'}}
  - {id: y, type: tool, tool_name: irreversible, tool_args: {value: ['{{ x }}', '{{ loop_index }}']}}
- id: if
  type: condition
  expression: a[0] == 1
  true_path: [{id: t, type: llm, provider: echo, model: e, prompt: 'about {{ a }}'}]
  false_path: [{id: f, type: tool, tool_name: pure}]
- id: both
  type: parallel
  dependencies: [if]
  branches: [[{id: p, type: tool, tool_name: compensable}], [{id: q, type: tool, tool_name: pure}]]
- {id: sub, type: workflow, workflow_ref: sub, config_overrides: {n: '{{ each[2] }}'}}";

const OLD: &str = "schema_version: 1.1.0
nodes:
- {id: c, type: condition, expression: 'true', true_branch: [yes_node], false_branch: [no_node]}
- {id: yes_node, type: tool, tool_name: pure, dependencies: [c]}
- {id: no_node, type: tool, tool_name: pure, dependencies: [c]}
- {id: join, type: tool, tool_name: pure, tool_args: {value: '{{ yes_node }}'}, dependencies: [yes_node, no_node]}";

const RETRIED: &str = "nodes:
- {id: a, type: tool, tool_name: idempotent, tool_args: {fails: 2}, retry_policy: {max_attempts: 3, backoff_seconds: 10}}
- id: c
  type: loop
  items_source: '{{ [1] }}'
  retry_policy: {max_attempts: 2, backoff_seconds: 5}
  body: [{id: bad, type: tool, tool_name: pure, tool_args: {fails: 9}}]
- {id: after, type: tool, tool_name: pure, tool_args: {value: '{{ c }}'}}";

const RACE: &str = "nodes:
- id: race
  type: parallel
  wait_strategy: race
  timeout_seconds: 60
  branches:
  - [{id: slow, type: tool, tool_name: irreversible, tool_args: {never: true}}]
  - [{id: fast, type: tool, tool_name: idempotent}]
- id: late
  type: loop
  items_source: '{{ [1] }}'
  timeout_seconds: 5
  dependencies: [race]
  body: [{id: n, type: tool, tool_name: idempotent, tool_args: {never: true}}]";

const STEPS: &str = "nodes:
- {id: n, type: tool, tool_name: pure, tool_args: {steps: 4}}
- {id: m, type: tool, tool_name: pure, tool_args: {value: '{{ n }}'}}";

const ONE: &str = "nodes:
- {id: n, type: tool, tool_name: irreversible}
- {id: m, type: tool, tool_name: pure, tool_args: {value: '{{ n }}'}}";

const DATA: &str = "nodes:
- {id: data, type: human, prompt_message: 'and {{ inputs.who }}?', approval_type: input_required, output_selection: [approved, response]}
- {id: m, type: tool, tool_name: pure, tool_args: {value: '{{ data }}'}}";

/// What [`DATA`] is moved to while it waits.
const MORE: &str = "nodes:
- {id: data, type: human, prompt_message: 'and {{ inputs.who }}?', approval_type: input_required, output_selection: [approved, response]}
- {id: n, type: tool, tool_name: idempotent, tool_args: {value: ['{{ data }}', more]}}";

const CIRCLE: &str = "nodes:
- {id: s, type: tool, tool_name: idempotent, tool_args: {value: ['{{ r.iterations }}', '{{ recursive_context.result.s }}']}}
- {id: between, type: tool, tool_name: irreversible, tool_args: {value: '{{ s }}'}}
- id: r
  type: recursive
  workflow_ref: sub
  recursive_sources: [s]
  convergence_condition: recursive_context.iteration == 3
  input_mappings: {n: {source_node_id: between, source_output_key: .}}
- {id: after, type: tool, tool_name: pure, tool_args: {value: '{{ r }}'}}";

const WATCHED: &str = "nodes:
- {id: m, type: monitor, metric_expression: run.nodes_succeeded > 0, alert_channels: [slack, email], max_checks: 2, output_selection: [triggered, alerts_sent]}
- {id: a, type: tool, tool_name: idempotent}
- {id: p, type: monitor, metric_expression: 'true', action_on_trigger: pause, dependencies: [m]}
- {id: after, type: tool, tool_name: pure, tool_args: {value: '{{ m.triggered }}'}, dependencies: [p]}";

const PEOPLE: &str = "nodes:
- {id: late, type: human, prompt_message: ok?, timeout_seconds: 60, escalation_path: the boss}
- {id: soon, type: human, prompt_message: ok?, timeout_seconds: 60, auto_approve_after: 5}
- {id: pick, type: human, prompt_message: which?, approval_type: choice, choices: [red, blue]}
- {id: m, type: tool, tool_name: pure, tool_args: {value: ['{{ late }}', '{{ soon }}', '{{ pick }}']}}";

fn cases() -> Vec<Case> {
    let base = |name, yaml| Case {
        name,
        yaml,
        policy: FailurePolicy::ContinuePossible,
        max_concurrent: None,
        moved_to: None,
        faults: Faults::default(),
        seed: 1,
        after: "",
        cut: None,
    };
    let repeat = || Faults { crashes: 1, decisions: vec![Decision::Repeat], late: true, ..Faults::default() };
    vec![
        base("large", LARGE),
        Case { cut: Some(r#""t":"succeeded","n":"again""#), ..base("large_interrupted", LARGE) },
        base("kinds", KINDS),
        Case { cut: Some(r#""t":"started","n":"each[1].body.x""#), ..base("kinds_in_loop", KINDS) },
        Case { cut: Some(r#""t":"started","n":"each[2].body.y""#), ..base("kinds_in_doubt", KINDS) },
        Case { cut: Some(r#""t":"started","n":"sub.run.s""#), ..base("kinds_in_sub_workflow", KINDS) },
        base("flat_branches", OLD),
        base("retried", RETRIED),
        Case { max_concurrent: Some(1), ..base("one_at_a_time", KINDS) },
        Case {
            max_concurrent: Some(1),
            cut: Some(r#""t":"opened","n":"if""#),
            ..base("one_at_a_time_held", KINDS)
        },
        Case { cut: Some(r#""r":"#), ..base("retried_waiting", RETRIED) },
        Case { policy: FailurePolicy::Always, ..base("retried_always", RETRIED) },
        Case { policy: FailurePolicy::Halt, ..base("retried_halted", RETRIED) },
        base("race", RACE),
        Case { cut: Some(r#""t":"opened","n":"late""#), ..base("race_then_deadline", RACE) },
        base("recursive", CIRCLE),
        Case { cut: Some(r#""t":"started","n":"r[2].between""#), ..base("recursive_in_iteration", CIRCLE) },
        Case { cut: Some(r#""t":"checked""#), ..base("watched", WATCHED) },
        Case { after: r#""s":{"email":false,"slack":true}"#, ..base("watched_alerted", WATCHED) },
        Case { cut: Some(r#""t":"parked""#), ..base("watched_paused", WATCHED) },
        Case {
            faults: Faults {
                shared: Some(Budget { tool_calls: Some(1), ..Budget::default() }),
                ..Faults::default()
            },
            after: r#""t":"funded","u":{"tool_calls":1},"w":"#,
            ..base("funded", ONE)
        },
        base("steps", STEPS),
        Case { cut: Some(r#""t":"receipt","s":"n.call[2]""#), ..base("steps_interrupted", STEPS) },
        Case { cut: Some(r#""t":"asked""#), ..base("asked", DATA) },
        Case { moved_to: Some(MORE), after: r#""t":"migrated""#, ..base("moved", DATA) },
        Case { after: r#""k":"timed_out""#, ..base("escalated", PEOPLE) },
        Case { after: r#""k":"auto_approved""#, ..base("auto_approved", PEOPLE) },
        Case { faults: repeat(), cut: Some(r#""t":"ended""#), ..base("crashed", ONE) },
        Case { faults: repeat(), cut: Some(r#""t":"parked""#), ..base("parked", ONE) },
        Case { faults: repeat(), cut: Some(r#""t":"settled""#), ..base("repeated", ONE) },
        Case {
            faults: Faults { decisions: vec![Decision::Fail], ..repeat() },
            cut: Some(r#""decision":"fail""#),
            ..base("given_up", ONE)
        },
        Case {
            faults: Faults { cancels: 1, unresponsive: true, ..Faults::default() },
            seed: 11,
            ..base("cancelled", KINDS)
        },
        Case {
            faults: Faults { cancels: 1, unresponsive: true, late: true, ..Faults::default() },
            seed: 11,
            after: r#""t":"started","n":"each[1]"#,
            cut: Some(r#""t":"cancelling""#),
            ..base("cancelling", KINDS)
        },
    ]
}

fn registry() -> Registry {
    let mut registry = common::effects();
    let sub = "nodes: [{id: s, type: tool, tool_name: idempotent, tool_args: {value: '{{ inputs.n }}'}}]";
    common::with_blueprint(&mut registry, "sub", sub);
    registry
}

/// Answers as the input says: fails so often, never ends, makes so many steps, gives a long text or list.
fn world(call: &Call<'_>) -> Reply {
    if let Intent::Alert { .. } = call.intent {
        return Reply::give(Value::map([("email", Value::from(false)), ("slack", Value::from(true))]));
    }
    let Intent::Tool { input, .. } = call.intent else {
        let text = Value::from("about it");
        return Reply::give(Value::map([("response", text.clone()), ("text", text)]));
    };
    let number = |name| input.get(name).and_then(Value::as_i64);
    if number("fails").is_some_and(|fails| i64::from(call.attempt) <= fails) {
        return Reply::fail(Failure::passing(ErrorCode::ToolFailed, "as asked"));
    }
    if input.get("never").is_some() {
        return Reply::never();
    }
    let effects = [Effect::Pure, Effect::Irreversible, Effect::Idempotent, Effect::Compensable];
    let steps = effects.into_iter().zip(0..number("steps").unwrap_or(0));
    let steps = steps.map(|(effect, n)| Step {
        effect,
        result: if n == 2 { Err(Failure::new(ErrorCode::ToolFailed, "a step")) } else { Ok(Value::from(n)) },
    });
    let value = match (number("text"), number("list"), input.get("value")) {
        (Some(length), ..) => Value::from("many words ".repeat(length as usize / 11)),
        (_, Some(length), _) => Value::list((0..length).map(|n| Value::from(format!("item {n}")))),
        (.., Some(value)) => value.clone(),
        (.., None) => Value::from(call.path.as_str()),
    };
    let act = Act::Give(value);
    Reply { after: Duration::ZERO, steps: steps.collect(), act }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{RECORD_VERSION}"))
}

/// The plan that a pinned one stands for, made as for any run that is taken up again.
fn plan_of(pinned: &PinnedPlan) -> Arc<Plan> {
    let blueprint = |pinned: &PinnedPlan| Arc::new(pinned.blueprint.to::<Blueprint>().unwrap());
    let mut registry = common::effects();
    for workflow in &pinned.workflows {
        let blueprint = blueprint(&workflow.plan);
        let named = NamedBlueprint { name: Arc::from(workflow.name.as_str()), blueprint };
        registry.blueprints.register(named).unwrap();
    }
    let catalog = registry.catalog(ice_orchestrator::executable_kinds());
    let checked = check(&blueprint(pinned), &catalog).unwrap_or_else(|problems| panic!("{problems}"));
    let plan = compile(&checked, &registry).unwrap();
    assert_eq!(plan.pinned(), pinned);
    plan
}

/// What became of a run, as it is kept: the words of messages may change.
fn result(finished: &Finished) -> serde_json::Value {
    serde_json::json!({
        "status": finished.status,
        "output": finished.output,
        "failure": finished.failure.as_ref().map(|failure| failure.code),
        "failures": finished.failures.iter().map(|of| (&of.node, of.failure.code)).collect::<Vec<_>>(),
    })
}

/// Goes on where a journal ends; what is in doubt is repeated.
fn resume(plan: &Arc<Plan>, chunks: &[Vec<u8>]) -> Finished {
    let mut choices = Random::new(3);
    let resumed = Simulation::resume(plan, chunks, world, &mut choices).unwrap();
    let faults = Faults { decisions: vec![Decision::Repeat], ..Faults::default() };
    resumed.faults(faults).run().unwrap_or_else(|violation| panic!("{violation}"))
}

fn bless(case: &Case) {
    let plan = common::plan(case.yaml, &registry());
    let options = RunOptions {
        max_parallel: 2,
        max_concurrent: case.max_concurrent,
        failure_policy: case.policy,
        ..RunOptions::default()
    };
    let run = |seed| {
        let mut choices = Random::new(seed);
        let inputs = common::json(r#"{"who": "Ada"}"#);
        let run = Simulation::new(&plan, inputs, options.clone(), world, &mut choices);
        let moves = case.moved_to.map(|yaml| common::plan(yaml, &registry()));
        let run = run.faults(case.faults.clone()).moves(moves.into_iter().collect());
        let mut finished = run.run().unwrap();
        if let Some(cut) = case.cut {
            let has = |chunk: &Vec<u8>| String::from_utf8_lossy(chunk).contains(cut);
            finished.journal.truncate(finished.journal.iter().position(has)? + 1);
        }
        let text: String = finished.journal.iter().map(|chunk| String::from_utf8_lossy(chunk)).collect();
        text.contains(case.after).then_some(finished)
    };
    let mut seeds = case.seed..case.seed + 1_000;
    let finished = seeds.find_map(run).unwrap_or_else(|| panic!("{}: no {:?}", case.name, case.cut));
    let plan = Arc::clone(&finished.plan);
    let end = resume(&plan, &finished.journal);
    if case.cut.is_none() && finished.status.is_final() {
        assert_eq!(result(&end), result(&finished), "{}", case.name);
    }
    let write = |ending: &str, bytes: &[u8]| {
        std::fs::write(folder().join(format!("{}.{ending}", case.name)), bytes).unwrap();
    };
    let mut journal = Vec::new();
    for chunk in &finished.journal {
        journal.extend_from_slice(CHUNK.as_bytes());
        journal.extend_from_slice(chunk);
    }
    write("journal", &journal);
    write("plan.json", &serde_json::to_vec_pretty(plan.pinned()).unwrap());
    write("result.json", &serde_json::to_vec_pretty(&result(&end)).unwrap());
}

#[test]
fn every_journal_is_read_folded_and_resumed_to_its_result() {
    let blesses = std::env::var_os("ICE_BLESS").is_some();
    let folder = folder();
    let mut kinds = BTreeSet::new();
    for case in cases() {
        let file = |ending: &str| folder.join(format!("{}.{ending}", case.name));
        if blesses && !file("journal").exists() {
            bless(&case);
        }
        let read = |ending: &str| {
            std::fs::read_to_string(file(ending)).unwrap_or_else(|error| panic!("{}: {error}", case.name))
        };
        let pinned: PinnedPlan = serde_json::from_str(&read("plan.json")).unwrap();
        let plan = plan_of(&pinned);
        let journal = read("journal");
        let chunks: Vec<Vec<u8>> =
            journal.split(CHUNK).skip(1).map(|chunk| chunk.as_bytes().to_vec()).collect();
        for line in journal.lines() {
            if let Some((_, rest)) = line.split_once(r#""t":""#) {
                kinds.extend(rest.split('"').next().map(str::to_owned));
            }
        }
        let expected: serde_json::Value = serde_json::from_str(&read("result.json")).unwrap();
        assert_eq!(result(&resume(&plan, &chunks)), expected, "{}", case.name);
    }
    let all = [
        "alerted",
        "answered",
        "asked",
        "cancelled",
        "cancelling",
        "checked",
        "closed",
        "discarded",
        "ended",
        "escalated",
        "failed",
        "funded",
        "in_doubt",
        "iterated",
        "manifest",
        "migrated",
        "opened",
        "parked",
        "receipt",
        "resumed",
        "settled",
        "skipped",
        "started",
        "step",
        "succeeded",
        "unresponsive",
        "watching",
        "woken",
    ];
    assert_eq!(kinds, all.map(str::to_owned).into(), "kinds of records in the journals");
}
