//! What a plan may spend, kind by kind.

use crate::common::{json, plan, registry, with_blueprint};
use ice_core::blueprint::Format;
use ice_core::llm::{LlmProvider, scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_orchestrator::journal::RunOptions;
use ice_orchestrator::workflow::{RunEstimate, estimate};
use std::sync::Arc;

/// With `sub`, which calls one tool, and the agents `a` and `b`, which have none.
#[cfg(test)]
fn world() -> Registry {
    let mut registry = registry();
    with_blueprint(&mut registry, "sub", "nodes: [{id: s, type: tool, tool_name: same}]");
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    for name in ["a", "b"] {
        let agent =
            format!(r#"{{"name": "{name}", "llm_config": {{"provider": "scripted", "model": "m"}}}}"#);
        let agent = AgentDefinition::read(&agent, Format::Json, "agent.json");
        registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    }
    registry
}

#[cfg(test)]
fn of(nodes: &str, inputs: Option<&str>) -> RunEstimate {
    let plan = plan(&format!("nodes:\n{nodes}"), &world());
    estimate(&plan, inputs.map(json).as_ref(), &RunOptions::default())
}

/// Calls of tools at least, likely, and at most, and what was assumed.
#[cfg(test)]
fn check(nodes: &str, inputs: Option<&str>, calls: (u64, u64, Option<u64>), assumed: &[&str]) {
    let found = of(nodes, inputs);
    assert_eq!((found.tool_calls.least, found.tool_calls.likely, found.tool_calls.most), calls, "{nodes}");
    assert_eq!(found.assumptions, assumed, "{nodes}");
    assert_eq!(found.confidence < 1.0, !assumed.is_empty(), "{}", found.confidence);
}

const TOOL: &str = "type: tool, tool_name: same";

#[test]
fn a_loop_calls_as_often_as_it_has_items_and_has_ten_if_that_is_not_known() {
    let over = |source: &str| {
        format!(
            "- {{id: l, type: loop, items_source: {source}, max_iterations: 30, body: [{{id: x, {TOOL}}}]}}"
        )
    };
    check(&over("inputs.list"), Some(r#"{"list": [1, 2, 3]}"#), (3, 3, Some(3)), &[]);
    check(&over("'{{ [1, 2] }}'"), None, (2, 2, Some(2)), &[]);
    let assumed = ["loops over what is not known before have 10 items"];
    check(&over("inputs.list"), None, (0, 10, Some(30)), &assumed);
    check(&over("inputs.list"), Some(r#"{"list": 5}"#), (0, 10, Some(30)), &assumed);
    let before = format!("- {{id: a, {TOOL}}}\n{}", over("a.rows"));
    check(&before, Some("{}"), (1, 11, Some(31)), &assumed);
}

#[test]
fn branches_side_by_side_all_count_unless_one_is_enough() {
    let parallel = |wait: &str| {
        format!(
            "- {{id: p, type: parallel, {wait}branches: [[{{id: a, {TOOL}}}], [{{id: b, {TOOL}}}, {{id: c, {TOOL}}}]]}}"
        )
    };
    check(&parallel(""), None, (3, 3, Some(3)), &[]);
    let race = of(&parallel("wait_strategy: race, "), None);
    assert_eq!((race.tool_calls.least, race.tool_calls.likely, race.tool_calls.most), (1, 3, Some(3)));
}

#[test]
fn a_sub_workflow_counts_as_what_is_in_it() {
    check("- {id: w, type: workflow, workflow_ref: sub}", None, (1, 1, Some(1)), &[]);
    let found = of("- {id: w, type: workflow, workflow_ref: sub}", None);
    let nodes: Vec<&str> = found.nodes.iter().map(|node| node.node.as_str()).collect();
    assert_eq!(nodes, ["w.run.s"]);
}

#[test]
fn a_recursive_node_is_taken_to_go_round_three_times() {
    let again = |most: u32| {
        format!(
            "- {{id: start, {TOOL}}}
- {{id: r, type: recursive, workflow_ref: sub, recursive_sources: [start], max_iterations: {most}}}"
        )
    };
    // Each iteration calls its source again, and its blueprint.
    check(&again(1), None, (2, 2, Some(2)), &[]);
    check(&again(7), None, (2, 6, Some(14)), &["recursive nodes need 3 iterations"]);
    check(&again(2), None, (2, 4, Some(4)), &["recursive nodes need 2 iterations"]);
}

#[test]
fn a_flat_branch_is_as_likely_as_the_other() {
    let yaml = format!(
        "schema_version: 1.1.0
nodes:
- {{id: c, type: condition, expression: inputs.go, true_branch: [y], false_branch: [n]}}
- {{id: y, {TOOL}, dependencies: [c]}}
- {{id: n, {TOOL}, dependencies: [c]}}
- {{id: after, {TOOL}}}"
    );
    let found = estimate(&plan(&yaml, &world()), None, &RunOptions::default());
    assert_eq!((found.tool_calls.least, found.tool_calls.likely, found.tool_calls.most), (1, 3, Some(3)));
    assert_eq!(found.assumptions, ["each branch of a condition is as likely as the other"]);
}

#[test]
fn a_swarm_asks_every_member_once_a_round() {
    let swarm = |strategy: &str| {
        let agents = "agents: [{package: a, role: one}, {package: b, role: two}]";
        let found = of(
            &format!("- {{id: s, type: swarm, {agents}, max_rounds: 5, coordination_strategy: {strategy}}}"),
            None,
        );
        let calls = found.model_calls;
        (calls.least, calls.likely, found.assumptions)
    };
    let (least, once, assumed) = swarm("hierarchical");
    assert!(least >= 2 && once >= 2, "{least} {once}");
    assert!(!assumed.iter().any(|what| what.starts_with("swarms")), "{assumed:?}");
    let (least, twice, assumed) = swarm("consensus");
    assert_eq!((least, twice), (2, 2 * once));
    assert!(assumed.contains(&"swarms need 2 rounds".to_owned()), "{assumed:?}");
    // Everybody bids, and one of the two works.
    let (least, bids, _) = swarm("marketplace");
    assert_eq!((least, bids), (2, once + once.div_ceil(2)));
}
