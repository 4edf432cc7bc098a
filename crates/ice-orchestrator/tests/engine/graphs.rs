//! What the graph of a plan says: worst-case times, what a node has an impact on, and where the time of a run went.

use std::time::Duration;

use crate::common::{json, me, plan, registry, with_blueprint};
use ice_core::id::Tenant;
use ice_core::path::NodePath;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::RunOptions;
use ice_orchestrator::workflow::graph::{WorstTime, analyze, impact, measured};

#[cfg(test)]
fn shown(paths: &[NodePath]) -> Vec<&str> {
    paths.iter().map(NodePath::as_str).collect()
}

/// The longest time of a blueprint, in milliseconds, or how many nodes have no bound.
#[cfg(test)]
fn check(nodes: &str, expected: Result<u64, u64>) {
    let mut registry = registry();
    with_blueprint(&mut registry, "sub", "nodes: [{id: n, type: tool, tool_name: same, timeout_seconds: 7}]");
    let WorstTime { unbounded_nodes, bounded_ms } =
        analyze(&plan(&format!("nodes:\n{nodes}"), &registry)).worst_time;
    let found = if unbounded_nodes == 0 { Ok(bounded_ms) } else { Err(unbounded_nodes) };
    assert_eq!(found, expected, "{nodes}");
}

#[test]
fn the_worst_time_counts_time_outs_attempts_and_waits() {
    check("- {id: a, type: tool, tool_name: same, timeout_seconds: 10}", Ok(10_000));
    check("- {id: a, type: tool, tool_name: same}", Err(1));
    let retries = "- {id: a, type: tool, tool_name: same, timeout_seconds: 10, \
                   retry_policy: {max_attempts: 3, backoff_seconds: 2, backoff_strategy: exponential}}";
    check(retries, Ok(36_000));
    check(
        "- {id: a, type: workflow, workflow_ref: sub}\n- {id: b, type: workflow, workflow_ref: sub, dependencies: [a]}",
        Ok(14_000),
    );
    let body = "body: [{id: x, type: tool, tool_name: same, timeout_seconds: 3}]";
    check(
        &format!("- {{id: l, type: loop, items_source: inputs.all, max_iterations: 5, {body}}}"),
        Ok(15_000),
    );
    check(
        &format!(
            "- {{id: l, type: loop, items_source: inputs.all, max_iterations: 5, parallel: true, max_concurrency: 2, {body}}}"
        ),
        Ok(9_000),
    );
    check(&format!("- {{id: l, type: loop, items_source: inputs.all, {body}}}"), Err(1));
    check(
        &format!("- {{id: l, type: loop, items_source: inputs.all, timeout_seconds: 60, {body}}}"),
        Ok(60_000),
    );
    check("- {id: h, type: human, prompt_message: ok?, timeout_seconds: 30}", Ok(30_000));
    check(
        "- {id: h, type: human, prompt_message: ok?}\n- {id: a, type: tool, tool_name: same, timeout_seconds: 1}",
        Err(1),
    );
    let branch =
        |seconds: u32| format!("[{{id: x, type: tool, tool_name: same, timeout_seconds: {seconds}}}]");
    check(&format!("- {{id: p, type: parallel, branches: [{}, {}]}}", branch(4), branch(9)), Ok(9_000));
}

const DIAMOND: &str = "nodes:
- {id: begin, type: tool, tool_name: same, timeout_seconds: 1}
- {id: slow, type: tool, tool_name: same, timeout_seconds: 10, dependencies: [begin]}
- {id: quick, type: tool, tool_name: same, timeout_seconds: 4, dependencies: [begin]}
- {id: end, type: tool, tool_name: same, timeout_seconds: 2, dependencies: [slow, quick]}";

#[test]
fn a_report_names_the_critical_path_and_what_it_pays_to_make_faster() {
    let report = analyze(&plan(DIAMOND, &registry()));
    assert_eq!(shown(&report.critical_path), ["begin", "slow", "end"]);
    assert_eq!(report.worst_time.bound(), Some(Duration::from_secs(13)));
    assert_eq!((report.nodes, report.edges, report.levels.len(), report.width), (4, 4, 3, 2));
    let gains: Vec<(&str, u64, bool)> = report
        .bottlenecks
        .iter()
        .map(|found| (found.node.as_str(), found.gain.bounded_ms, found.is_gate))
        .collect();
    // Without `slow` the whole waits for `quick`.
    assert_eq!(gains, [("slow", 6_000, false), ("end", 2_000, true), ("begin", 1_000, true)]);
}

#[test]
fn the_impact_of_a_node_leads_through_containers_branches_and_circles() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same}
- id: each
  type: loop
  items_source: inputs.all
  body:
  - {id: x, type: tool, tool_name: same}
  - {id: y, type: tool, tool_name: same, tool_args: {value: '{{ x }}'}}
  - {id: z, type: tool, tool_name: same}
- {id: last, type: tool, tool_name: same, tool_args: {value: '{{ each }}'}}
- {id: is_it, type: condition, expression: a.ok, true_path: [{id: t, type: tool, tool_name: same}]}
- {id: alone, type: tool, tool_name: same}
- {id: reads_branch, type: tool, tool_name: same, tool_args: {value: '{{ is_it.branch_outputs.t }}'}}
";
    let plan = plan(yaml, &registry());
    let of = |path: &str| impact(&plan, &path.parse().unwrap());
    let each = of("each.body.x").unwrap();
    assert_eq!(shown(&each.direct), ["each.body.y"]);
    assert_eq!(shown(&each.all), ["each.body.y", "each", "last"]);
    assert_eq!(shown(&of("each[3].body.z").unwrap().all), ["each", "last"]);
    let a = of("a").unwrap();
    assert_eq!((shown(&a.direct), shown(&a.all)), (vec!["is_it"], vec!["is_it", "reads_branch"]));
    assert_eq!(shown(&of("is_it.true.t").unwrap().all), ["is_it", "reads_branch"]);
    assert!((a.share - 0.4).abs() < 1e-9, "{}", a.share);
    assert_eq!(shown(&of("alone").unwrap().all), [""; 0]);
    assert_eq!(of("nobody"), None);
    assert_eq!(of("each.tail.x"), None);
}

#[test]
fn what_comes_after_a_branch_of_the_first_dialect_depends_on_its_condition() {
    let yaml = "schema_version: 1.1.0
nodes:
- {id: c, type: condition, expression: 'true', true_branch: [t]}
- {id: t, type: tool, tool_name: same}
";
    let plan = plan(yaml, &registry());
    assert_eq!(shown(&impact(&plan, &"c".parse().unwrap()).unwrap().all), ["t"]);
}

#[tokio::test]
async fn the_time_of_a_run_went_where_it_waited_last() {
    let mut registry = registry();
    let nap = crate::common::tool("nap", ice_core::tools::Effect::Pure, |_, input| async move {
        let millis = input.get("ms").and_then(ice_core::value::Value::as_u64).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok(ice_core::value::Value::Null)
    });
    registry.tools.register(nap).unwrap();
    let yaml = "nodes:
- {id: quick, type: tool, tool_name: nap, tool_args: {ms: 1}}
- {id: slow, type: tool, tool_name: nap, tool_args: {ms: 60}}
- {id: both, type: tool, tool_name: nap, tool_args: {ms: 20}, dependencies: [quick, slow]}
- {id: beside, type: tool, tool_name: nap, tool_args: {ms: 1}, dependencies: [quick]}";
    let plan = plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle =
        engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    handle.wait().await.unwrap();
    let document = engine.show(&Tenant::default(), handle.id()).await.unwrap();
    let found = measured(&plan, &document);
    let steps: Vec<&str> = found.steps.iter().map(|step| step.node.as_str()).collect();
    assert_eq!(steps, ["slow", "both"]);
    assert!(found.steps[0].took_ms >= 59 && found.steps[1].took_ms >= 19, "{found:?}");
    let sum: u64 = found.steps.iter().map(|step| step.waited_ms + step.took_ms).sum();
    assert!(found.total_ms.abs_diff(sum) <= 4 && found.total_ms <= document.duration_ms, "{found:?}");
}
