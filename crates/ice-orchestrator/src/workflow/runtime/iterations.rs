//! What many iterations of a recursive node cost.

use std::sync::Arc;

use ice_core::blueprint::{Blueprint, Format, read};
use ice_core::registry::{NamedBlueprint, Registry};
use ice_core::time::Moment;
use ice_core::value::Value;

use super::{Input, State, apply, decide};
use crate::executors::builtin::KINDS;
use crate::journal::{Body, Manifest, RECORD_VERSION, Record, RunOptions, RunStatus};
use crate::workflow::{Plan, compile};

fn plan(iterations: u32) -> Arc<Plan> {
    let blueprint = |yaml: &str| -> Arc<Blueprint> { read(yaml, Format::Yaml, "t").blueprint.unwrap() };
    let mut registry = Registry::default();
    let sub = blueprint("nodes: [{id: c, type: condition, expression: inputs.go}]");
    registry.blueprints.register(NamedBlueprint { name: Arc::from("sub"), blueprint: sub }).unwrap();
    let top = format!(
        "nodes:
- {{id: s, type: condition, expression: recursive_context.iteration > 0}}
- {{id: r, type: recursive, workflow_ref: sub, recursive_sources: [s], max_iterations: {iterations}, convergence_condition: not c.result}}"
    );
    let reading = read(&top, Format::Yaml, "t");
    let checked = reading.check(&registry.catalog(KINDS)).unwrap();
    compile(&checked, &registry).unwrap()
}

/// Runs so many iterations; gives the number of records, and the most frames, queued places and paths at a time.
fn run(iterations: u32) -> (u64, usize) {
    let plan = plan(iterations);
    let manifest = Manifest {
        version: RECORD_VERSION,
        run: uuid::Uuid::from_u128(7).into(),
        tenant: "t".parse().unwrap(),
        by: "user:a".parse().unwrap(),
        blueprint: plan.blueprint.blueprint_id.clone(),
        name: "t".to_owned(),
        plan: plan.hash,
        inputs: Value::map([("go", Value::from(true))]),
        options: RunOptions::default(),
        not_enforced: Vec::new(),
        forked: None,
        engine: "t".to_owned(),
    };
    let at = Moment::from_millis(0);
    let mut state = State::new(Arc::new(manifest), plan, at);
    let mut most = 0;
    while state.ended.is_none() {
        let decided = decide(&state, Input::Advance, at);
        assert!(!decided.records.is_empty(), "{:?}", state.status());
        for body in decided.records {
            if let Body::Ended { status, output, .. } = &body {
                assert_eq!(*status, RunStatus::Succeeded);
                let done = output.get("r").and_then(|output| output.get("iterations"));
                assert_eq!(done, Some(&Value::from(iterations)));
            }
            apply(&mut state, &Record { at, body }).unwrap();
            most = most.max(state.frames.len() + state.prefixes.len() + state.containers.iter().count());
        }
    }
    (state.next, most)
}

#[test]
fn their_records_grow_with_their_number_and_the_state_does_not() {
    let (few, small) = run(100);
    let (many, large) = run(10_000);
    assert_eq!(large, small);
    // Opening and closing of the source, of the blueprint's run and of its node, and the step to the next iteration.
    assert_eq!(many - few, 9_900 * 7);
}
