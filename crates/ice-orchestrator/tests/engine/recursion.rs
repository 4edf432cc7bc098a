//! Nodes that repeat a blueprint until it converges.

use std::sync::Arc;

use crate::common::{json, me, plan, with_blueprint};
use ice_core::blueprint::Format;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, Scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{RunOptions, RunStatus};

/// `grow` adds 1 to `n`, `echo` gives its context, `bad` fails from the second iteration on.
#[cfg(test)]
fn blueprints() -> Registry {
    let mut registry = crate::common::registry();
    for (name, nodes) in [
        ("grow", "[{id: sum, type: tool, tool_name: add, tool_args: {a: '{{ inputs.n }}', b: 1}}]"),
        (
            "echo",
            "[{id: seen, type: tool, tool_name: same, tool_args: {value: '{{ inputs.recursive_context }}'}}]",
        ),
        (
            "bad",
            "[{id: c, type: condition, expression: inputs.recursive_context.iteration > 1, true_path: [{id: f, type: tool, tool_name: fail}]}]",
        ),
    ] {
        with_blueprint(&mut registry, name, &format!("nodes: {nodes}"));
    }
    registry
}

#[cfg(test)]
async fn run(yaml: &str, inputs: &str) -> Arc<RunEnd> {
    let registry = blueprints();
    let plan = crate::common::plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let options = RunOptions::default();
    let handle =
        engine.start(&plan, json(inputs), options, &crate::common::me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    crate::common::replays(&engine, end.id).await;
    end
}

#[cfg(test)]
fn at<'v>(end: &'v RunEnd, path: &str) -> &'v Value {
    let path: ice_core::value::ValuePath = path.parse().unwrap();
    path.follow(&end.output).unwrap_or_else(|error| panic!("{error}: {} {:?}", end.output, end.failures))
}

const COUNT: &str = "nodes:
- {id: start, type: tool, tool_name: add, tool_args: {a: '{{ count.result.sum or 0 }}', b: 10}}
- id: count
  type: recursive
  workflow_ref: grow
  recursive_sources: [start]
  convergence_condition: sum > 30
  input_mappings: {n: {source_node_id: start, source_output_key: .}}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ count.iterations }}'}}";

#[tokio::test]
async fn it_repeats_its_sources_and_its_blueprint_until_the_condition_holds() {
    let end = run(COUNT, "{}").await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    let expected = r#"{"converged": true, "reason": "condition_met", "iterations": 3,
        "final_context": {"iteration": 3, "node_id": "count", "result": {"sum": 33}, "outputs": {"start": 32}},
        "result": {"sum": 33}}"#;
    assert_eq!(at(&end, "count"), &json(expected));
    // What stands around keeps its first output.
    assert_eq!((at(&end, "start"), at(&end, "after")), (&json("10"), &json("3")));
}

#[tokio::test]
async fn without_convergence_it_stops_at_the_most_iterations_and_succeeds() {
    for (condition, most) in [("convergence_condition: sum > 1000", 4), ("max_iterations: 4", 4)] {
        let yaml = COUNT
            .replace("convergence_condition: sum > 30", &format!("{condition}\n  max_iterations: {most}"));
        let yaml = yaml.replace("max_iterations: 4\n  max_iterations: 4", "max_iterations: 4");
        let end = run(&yaml, "{}").await;
        assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
        assert_eq!(at(&end, "count.converged"), &json("false"));
        assert_eq!(at(&end, "count.reason"), &json("\"max_iterations_reached\""));
        assert_eq!((at(&end, "count.iterations"), at(&end, "count.result.sum")), (&json("4"), &json("44")));
    }
}

#[tokio::test]
async fn the_condition_sees_the_context_the_output_so_far_the_result_and_the_sources() {
    for condition in [
        "recursive_context.iteration == 3",
        "recursive_context.result.sum == 33",
        "recursive_context.outputs.start == 32",
        "count.iterations == 3",
        "count.result.sum == 33",
        "nodes['count'].result.sum == 33",
        "sum == 33",
        "start == 32",
        "sum == 33 and inputs.go",
    ] {
        let yaml = COUNT.replace("sum > 30", &format!("\"{condition}\""));
        let end = run(&yaml, r#"{"go": true}"#).await;
        assert_eq!(at(&end, "count.iterations"), &json("3"), "{condition}");
        assert_eq!(at(&end, "count.converged"), &json("true"), "{condition}");
    }
}

#[tokio::test]
async fn a_condition_that_cannot_be_evaluated_fails_the_node_with_its_place() {
    for (condition, code) in
        [("nothing > 1", ErrorCode::UnknownReference), ("start + inputs.text > 1", ErrorCode::TemplateFailed)]
    {
        let end = run(&COUNT.replace("sum > 30", condition), r#"{"text": "a"}"#).await;
        assert_eq!(end.status, RunStatus::Failed);
        let failure = &end.failures[0];
        assert_eq!((failure.node.as_str(), failure.failure.code), ("count", code), "{failure:?}");
        assert_eq!(failure.failure.about.as_ref().unwrap().field, "convergence_condition");
    }
}

#[tokio::test]
async fn each_iteration_sees_the_one_before_unless_it_shall_not() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: ['{{ recursive_context.iteration }}', '{{ recursive_context.outputs.a }}', '{{ r.iterations }}']}}
- {id: b, type: tool, tool_name: same, tool_args: {value: '{{ a[0] }}'}}
- {id: r, type: recursive, workflow_ref: echo, recursive_sources: [a], dependencies: [b], max_iterations: 3, preserve_context: true}";
    let end = run(yaml, "{}").await;
    assert_eq!(
        at(&end, "r.final_context.outputs"),
        &json(r#"{"a": [3, [2, [1, null, null], 1], 2], "b": 3}"#)
    );
    let first = r#"{"iteration": 1, "node_id": "r", "result": null, "outputs": null}"#;
    let second = format!(
        r#"{{"iteration": 2, "node_id": "r", "result": {{"seen": {first}}}, "outputs": {{"a": [1, null, null], "b": 1}}}}"#
    );
    assert_eq!(at(&end, "r.result.seen.result.seen"), &json(&second));
    let end = run(&yaml.replace("preserve_context: true", "preserve_context: false"), "{}").await;
    let seen = r#"{"iteration": 3, "node_id": "r", "result": null, "outputs": null}"#;
    assert_eq!(at(&end, "r.result.seen"), &json(seen));
    assert_eq!(at(&end, "r.final_context.outputs.a"), &json("[3, null, null]"));
}

#[tokio::test]
async fn a_blueprint_that_allows_no_further_inputs_is_not_given_the_context() {
    let mut registry = blueprints();
    for (name, schema) in [("closed", "{n: int}"), ("named", "{n: int, recursive_context: dict}")] {
        let yaml = format!(
            "input_schema: {schema}\nnodes: [{{id: seen, type: tool, tool_name: same, tool_args: {{value: '{{{{ inputs | length }}}}'}}}}]"
        );
        with_blueprint(&mut registry, name, &yaml);
    }
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: 1}}
- {id: x, type: recursive, workflow_ref: closed, recursive_sources: [a], max_iterations: 2, output_selection: [result]}
- {id: y, type: recursive, workflow_ref: named, recursive_sources: [a], max_iterations: 2, output_selection: [result]}";
    let plan = crate::common::plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let options = RunOptions::default();
    let handle = engine
        .start(&plan, json(r#"{"n": 1}"#), options, &crate::common::me(), &Tenant::default())
        .await
        .unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!((at(&end, "x.result.seen"), at(&end, "y.result.seen")), (&json("1"), &json("2")));
}

#[tokio::test]
async fn an_agent_is_repeated_with_what_it_said_before_until_it_is_done() {
    let mut registry = blueprints();
    let script = r#"{"turns": [{"text": "not yet"}, {"text": "nearly"}, {"text": "done"}]}"#;
    let model = Arc::new(Scripted::new(serde_json::from_str(script).unwrap()));
    registry.providers.register(Arc::clone(&model) as Arc<dyn LlmProvider>).unwrap();
    let agent = "name: helper\nllm_config: {provider: scripted, model: m}";
    let agent = AgentDefinition::read(agent, Format::Yaml, "helper.yaml").value.unwrap();
    registry.agents.register(Arc::new(agent)).unwrap();
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: 1}}
- {id: r, type: recursive, agent_package: helper, recursive_sources: [a], convergence_condition: response == 'done'}";
    let plan = plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle =
        engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    let output = end.output.get("r").unwrap_or_else(|| panic!("{:?}", end.failures));
    assert_eq!((output.get("converged"), output.get("iterations")), (Some(&json("true")), Some(&json("3"))));
    assert_eq!(output.get("result").and_then(|result| result.get("response")), Some(&Value::from("done")));
    let asked = model.requests();
    assert!(!format!("{:?}", asked[0]).contains("not yet"));
    assert!(format!("{:?}", asked[1]).contains("not yet"), "{:?}", asked[1]);
    crate::common::replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn within_a_loop_each_item_converges_by_itself() {
    let yaml = "nodes:
- id: each
  type: loop
  items_source: inputs.items
  parallel: true
  body:
  - {id: start, type: tool, tool_name: add, tool_args: {a: '{{ count.result.sum or item }}', b: 10}}
  - id: count
    type: recursive
    workflow_ref: grow
    recursive_sources: [start]
    convergence_condition: sum > 30
    output_selection: [iterations, result]
    input_mappings: {n: {source_node_id: start, source_output_key: .}}";
    let end = run(yaml, r#"{"items": [0, 25]}"#).await;
    let expected = r#"[{"iterations": 3, "result": {"sum": 33}}, {"iterations": 1, "result": {"sum": 36}}]"#;
    assert_eq!(at(&end, "each"), &json(expected), "{:?}", end.failures);
}

#[tokio::test]
async fn one_within_the_circle_of_another_converges_anew_each_time() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: add, tool_args: {a: '{{ outer.iterations or 0 }}', b: 0}}
- {id: b, type: tool, tool_name: add, tool_args: {a: '{{ inner.result.sum or a }}', b: 10}}
- {id: inner, type: recursive, workflow_ref: grow, recursive_sources: [b], context_key: inner_context, max_iterations: 3,
   input_mappings: {n: {source_node_id: b, source_output_key: .}}}
- {id: outer, type: recursive, workflow_ref: grow, recursive_sources: [a], max_iterations: 2,
   input_mappings: {n: {source_node_id: inner, source_output_key: result.sum}}}";
    let end = run(yaml, "{}").await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    // 0, then three times 11 more; in the second iteration of the outer one from 1, which is its number before.
    assert_eq!(at(&end, "inner.result.sum"), &json("33"));
    assert_eq!(at(&end, "outer.result.sum"), &json("35"));
    assert_eq!(at(&end, "outer.final_context.outputs.inner.iterations"), &json("3"));
}

#[tokio::test]
async fn what_fails_within_an_iteration_fails_the_node() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: 1}}
- {id: r, type: recursive, workflow_ref: bad, recursive_sources: [a]}";
    let end = run(yaml, "{}").await;
    assert_eq!(end.status, RunStatus::Failed);
    let nodes: Vec<&str> = end.failures.iter().map(|failed| failed.node.as_str()).collect();
    assert_eq!(nodes, ["r[1].r.run.c.true.f", "r[1].r.run.c", "r[1].r", "r"]);
    assert_eq!(end.failures[3].failure.code, ErrorCode::ToolFailed);
}

#[tokio::test]
async fn sources_whose_branch_was_not_taken_stay_skipped() {
    let yaml = "schema_version: 1.1.0
nodes:
- {id: c, type: condition, expression: 'false', true_branch: [no_node], false_branch: [yes_node]}
- {id: no_node, type: tool, tool_name: same, tool_args: {value: taken}, dependencies: [c]}
- {id: yes_node, type: tool, tool_name: same, tool_args: {value: 'in {{ recursive_context.iteration }}'}, dependencies: [c]}
- {id: r, type: recursive, workflow_ref: echo, recursive_sources: [yes_node, no_node], dependencies: [yes_node, no_node], max_iterations: 2}";
    let end = run(yaml, "{}").await;
    assert_eq!(at(&end, "r.final_context.outputs"), &json(r#"{"no_node": null, "yes_node": "in 2"}"#));
}

#[tokio::test]
async fn a_time_out_of_the_node_ends_the_iteration_under_way() {
    let mut registry = blueprints();
    with_blueprint(&mut registry, "slow", "nodes: [{id: w, type: tool, tool_name: wait}]");
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: 1}}
- {id: r, type: recursive, workflow_ref: slow, recursive_sources: [a], timeout_seconds: 1}";
    let plan = crate::common::plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let options = RunOptions::default();
    let handle =
        engine.start(&plan, json("{}"), options, &crate::common::me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!((end.failures[0].node.as_str(), end.failures[0].failure.code), ("r", ErrorCode::NodeTimeout));
}
