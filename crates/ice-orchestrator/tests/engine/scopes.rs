//! What names mean where scopes nest, and how outputs are shaped.

use crate::common::{json, registry, run, run_with, with_blueprint};
use ice_core::error::ErrorCode;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{FailurePolicy, RunOptions, RunStatus};

async fn check(yaml: &str, inputs: &str, node: &str, expected: &str) {
    let end = run(yaml, inputs).await;
    assert_eq!(end.output.get(node), Some(&json(expected)), "{:?}", end.failures);
}

#[tokio::test]
async fn loop_variables_come_before_ids_and_inner_ones_before_outer_ones() {
    // `x` is a node outside, the variable of the outer loop, and that of the inner one.
    let yaml = "nodes:
- {id: x, type: tool, tool_name: same, tool_args: {value: node}}
- id: outer
  type: loop
  items_source: inputs.outer
  item_var: x
  dependencies: [x]
  body:
  - id: inner
    type: loop
    items_source: inputs.inner
    item_var: x
    body: [{id: y, type: tool, tool_name: same, tool_args: {value: ['{{ x }}', '{{ loop_index }}', \"{{ nodes['x'] }}\"]}}]
  - {id: z, type: tool, tool_name: same, tool_args: {value: ['{{ x }}', '{{ inner }}', '{{ loop_index }}']}}";
    let expected = r#"[["o", [["i", 0, "node"], ["j", 1, "node"]], 0]]"#;
    check(yaml, r#"{"outer": ["o"], "inner": ["i", "j"]}"#, "outer", expected).await;
}

#[tokio::test]
async fn an_inner_id_hides_an_outer_one_but_no_variable() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: outer}}
- id: l
  type: loop
  items_source: inputs.items
  item_var: v
  dependencies: [a]
  body:
  - {id: a, type: tool, tool_name: same, tool_args: {value: inner}}
  - {id: b, type: tool, tool_name: same, tool_args: {value: ['{{ a }}', '{{ v }}']}}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ a }}'}, dependencies: [l]}";
    let end = run(yaml, r#"{"items": [1]}"#).await;
    assert_eq!(
        end.output,
        json(r#"{"a": "outer", "l": [["inner", 1]], "after": "outer"}"#),
        "{:?}",
        end.failures
    );
}

#[tokio::test]
async fn input_mappings_come_after_variables_and_before_ids() {
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: {deep: [7]}}}
- {id: b, type: tool, tool_name: same, tool_args: {value: node}}
- id: l
  type: loop
  items_source: inputs.items
  item_var: v
  dependencies: [a, b]
  body:
  - id: n
    type: tool
    tool_name: same
    input_mappings:
      b: {source_node_id: a, source_output_key: deep.0}
      v: literal
      c: literal
    tool_args: {value: ['{{ b }}', '{{ v }}', '{{ c }}', '{{ a.deep }}']}";
    check(yaml, r#"{"items": [1]}"#, "l", r#"[[7, 1, "literal", [7]]]"#).await;
}

#[tokio::test]
async fn what_was_skipped_is_none_with_all_its_parts() {
    let yaml = "schema_version: 1.1.0
nodes:
- {id: c, type: condition, expression: 'true', true_branch: [yes_node], false_branch: [no_node]}
- {id: yes_node, type: tool, tool_name: same, tool_args: {value: 1}, dependencies: [c]}
- {id: no_node, type: tool, tool_name: same, tool_args: {value: 2}, dependencies: [c]}
- id: join
  type: tool
  tool_name: same
  dependencies: [yes_node, no_node]
  input_mappings: {part: {source_node_id: no_node, source_output_key: a.b}}
  tool_args: {value: ['{{ yes_node }}', '{{ no_node.a.b }}', '{{ part }}', '{{ no_node is none }}']}";
    check(yaml, "{}", "join", "[1, null, null, true]").await;
}

#[tokio::test]
async fn what_was_skipped_within_a_container_is_none_outside_of_it() {
    // Nodes of the other path, at two depths, and one that depends on a skipped one.
    let yaml = "nodes:
- id: c
  type: condition
  expression: inputs.go
  true_path:
  - {id: yes_node, type: tool, tool_name: same, tool_args: {value: 1}}
  false_path:
  - {id: no_node, type: tool, tool_name: same, tool_args: {value: 2}}
  - {id: both, type: tool, tool_name: same, tool_args: {value: 3}}
- id: join
  type: tool
  tool_name: same
  input_mappings: {part: {source_node_id: c, source_output_key: branch_outputs.no_node.a}}
  tool_args: {value: ['{{ c.branch_outputs.yes_node }}', '{{ c.branch_outputs.no_node.a.b }}', '{{ part }}']}";
    check(yaml, r#"{"go": true}"#, "join", "[1, null, null]").await;
    let both = yaml.replace("{id: yes_node", "{id: both");
    let both = both.replace("branch_outputs.yes_node", "branch_outputs.both");
    check(&both, r#"{"go": true}"#, "join", "[1, null, null]").await;
    let parallel = "nodes:
- id: p
  type: parallel
  branches:
  - - {id: c, type: condition, expression: 'false', true_path: [{id: t, type: tool, tool_name: same}]}
    - {id: never, type: tool, tool_name: same, tool_args: {value: 1}, when: {condition: c, branch: true}}
  - [{id: x, type: tool, tool_name: same, tool_args: {value: 2}}]
- {id: join, type: tool, tool_name: same, tool_args: {value: ['{{ p.merged.never.a }}', '{{ p.branch_results.0.never }}', '{{ p.merged.x }}', '{{ p.merged.c.branch_outputs.t }}']}}";
    let first = "schema_version: 1.1.0
nodes:
- {id: p, type: parallel, branches: [[c, never], [x]]}
- {id: c, type: condition, expression: 'false', true_branch: [never]}
- {id: never, type: tool, tool_name: same, tool_args: {value: 1}, dependencies: [c]}
- {id: x, type: tool, tool_name: same, tool_args: {value: 2}}
- {id: join, type: tool, tool_name: same, dependencies: [p], tool_args: {value: ['{{ p.merged.never.a }}', '{{ p.branch_results.0.never }}', '{{ p.merged.x }}']}}";
    check(first, "{}", "join", "[null, null, 2]").await;
    check(parallel, "{}", "join", "[null, null, 2, null]").await;
}

#[tokio::test]
async fn what_a_sub_workflow_skipped_is_none_to_its_caller() {
    let sub = "schema_version: 1.1.0
nodes:
- {id: c, type: condition, expression: 'inputs.go', true_branch: [yes_node], false_branch: [no_node]}
- {id: yes_node, type: tool, tool_name: same, tool_args: {value: {a: 1}}, dependencies: [c]}
- {id: no_node, type: tool, tool_name: same, tool_args: {value: {a: 2}}, dependencies: [c]}";
    let yaml = |path: &str| {
        format!(
            "nodes:
- {{id: w, type: workflow, workflow_ref: sub, exposed_outputs: {{yes_part: yes_node.a, no_part: {path}}}}}
- {{id: v, type: workflow, workflow_ref: sub}}
- {{id: join, type: tool, tool_name: same, tool_args: {{value: ['{{{{ w.yes_part }}}}', '{{{{ w.no_part }}}}', '{{{{ v.no_node.a }}}}']}}}}"
        )
    };
    let run = async |path: &str| {
        let mut registry = registry();
        with_blueprint(&mut registry, "sub", sub);
        let plan = crate::common::plan(&yaml(path), &registry);
        let engine = Engine::builder().registry(registry).build();
        let (inputs, options) = (json(r#"{"go": true}"#), RunOptions::default());
        let handle =
            engine.start(&plan, inputs, options, &crate::common::me(), &Default::default()).await.unwrap();
        handle.wait().await.unwrap()
    };
    let end = run("no_node.a.b").await;
    assert_eq!(end.output.get("join"), Some(&json("[1, null, null]")), "{:?}", end.failures);
    let end = run("yes_node.b").await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::MappingFailed, "{:?}", end.failures);
}

#[tokio::test]
async fn sub_workflows_see_their_inputs_alone() {
    let mut registry = registry();
    let sub = "nodes:
- id: l
  type: loop
  items_source: inputs.items
  body: [{id: n, type: tool, tool_name: same, tool_args: {value: ['{{ item }}', '{{ inputs.x }}', '{{ inputs.y }}']}}]";
    with_blueprint(&mut registry, "sub", sub);
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: 5}}
- id: outer
  type: loop
  items_source: inputs.items
  dependencies: [a]
  body:
  - {id: w, type: workflow, workflow_ref: sub, config_overrides: {x: '{{ item }}', items: ['{{ a }}']}}";
    let plan = crate::common::plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let inputs = json(r#"{"items": [1, 2], "y": "from above"}"#);
    let options = RunOptions::default();
    let handle =
        engine.start(&plan, inputs, options, &crate::common::me(), &Default::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    let expected = r#"[{"l": [[5, 1, "from above"]]}, {"l": [[5, 2, "from above"]]}]"#;
    assert_eq!(end.output.get("outer"), Some(&json(expected)), "{:?}", end.failures);
}

#[tokio::test]
async fn aliases_are_added_before_the_schema_and_the_selection() {
    let yaml = |schema: &str, selection: &str| {
        format!(
            "nodes:
- id: n
  type: tool
  tool_name: same
  tool_args: {{value: {{a: {{b: 1}}, rest: 2}}}}
  output_mappings: {{alias: a.b}}
  output_schema: {{type: object, required: [alias], properties: {{alias: {{type: {schema}}}}}}}
  {selection}"
        )
    };
    let whole = r#"{"a": {"b": 1}, "rest": 2, "alias": 1}"#;
    check(&yaml("integer", ""), "{}", "n", whole).await;
    check(&yaml("integer", "output_selection: [alias]"), "{}", "n", r#"{"alias": 1}"#).await;
    let end = run(&yaml("string", ""), "{}").await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::OutputInvalid, "{:?}", end.failures);
    let end = run(&yaml("integer", "").replace("a.b", "a.c"), "{}").await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::MappingFailed, "{:?}", end.failures);
}

/// Runs a blueprint under each policy; gives how it ended, what it gave and which nodes failed.
async fn under_each(yaml: &str, inputs: &str) -> [(RunStatus, String, Vec<String>); 3] {
    let run = async |failure_policy| {
        let options = RunOptions { failure_policy, max_parallel: 1, ..RunOptions::default() };
        let end = run_with(yaml, inputs, options).await;
        let nodes = end.failures.iter().map(|failed| failed.node.to_string());
        (end.status, end.output.to_string(), nodes.collect::<Vec<_>>())
    };
    use FailurePolicy::{Always, ContinuePossible, Halt};
    [run(ContinuePossible).await, run(Always).await, run(Halt).await]
}

fn failed(output: &str, nodes: &[&str]) -> (RunStatus, String, Vec<String>) {
    (RunStatus::Failed, output.to_owned(), nodes.iter().map(|node| (*node).to_owned()).collect())
}

#[tokio::test]
async fn a_loop_closes_with_null_for_an_item_that_failed_unless_the_run_halts() {
    // The condition around goes on as well.
    let yaml = "nodes:
- id: c
  type: condition
  expression: 'true'
  true_path:
  - id: l
    type: loop
    items_source: inputs.items
    body:
    - {id: x, type: tool, tool_name: same, tool_args: {value: '{{ 6 // item }}'}}
    - {id: y, type: tool, tool_name: same, tool_args: {value: '{{ x }}'}}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ c.branch_outputs.l }}'}}";
    let [possible, always, halt] = under_each(yaml, r#"{"items": [1, 0, 3]}"#).await;
    let output =
        r#"{"c":{"result":true,"branch":"true","branch_outputs":{"l":[6,null,2]}},"after":[6,null,2]}"#;
    assert_eq!(possible, failed(output, &["c.true.l[1].body.x"]));
    assert_eq!(always, failed(output, &["c.true.l[1].body.x"]));
    assert_eq!(halt, failed("{}", &["c.true.l[1].body.x"]));
}

#[tokio::test]
async fn a_parallel_node_closes_with_the_error_of_a_branch_that_failed_unless_the_run_halts() {
    let yaml = "nodes:
- id: p
  type: parallel
  branches:
  - [{id: a, type: tool, tool_name: same, tool_args: {value: 1}}]
  - [{id: b, type: tool, tool_name: fail}, {id: a, type: tool, tool_name: same, dependencies: [b]}]
- {id: after, type: tool, tool_name: same, tool_args: {value: ['{{ p.merged.a }}', '{{ p.merged.b }}', '{{ p.branch_results.1.code }}']}}";
    let [possible, always, halt] = under_each(yaml, "{}").await;
    let output = r#"{"p":{"branch_results":[{"a":1},{"branch_error":"it always fails","code":"TOOL_FAILED","node":"p.branches[1].b"}],"merged":{"a":1,"b":null}},"after":[1,null,"TOOL_FAILED"]}"#;
    assert_eq!(possible, failed(output, &["p.branches[1].b"]));
    assert_eq!(always, failed(output, &["p.branches[1].b"]));
    assert_eq!(halt, failed("{}", &["p.branches[1].b"]));
}

#[tokio::test]
async fn containers_with_nothing_to_go_on_with_fail() {
    let yaml = "nodes:
- {id: c, type: condition, expression: 'true', true_path: [{id: x, type: tool, tool_name: fail}]}
- id: p
  type: parallel
  wait_strategy: any
  branches: [[{id: x, type: tool, tool_name: fail}], [{id: y, type: tool, tool_name: fail}]]
- {id: after, type: tool, tool_name: same, tool_args: {value: ['{{ c }}', '{{ p }}']}}";
    let nodes = ["c", "c.true.x", "p", "p.branches[0].x", "p.branches[1].y"];
    let [possible, always, _] = under_each(yaml, "{}").await;
    let sorted = |mut end: (RunStatus, String, Vec<String>)| {
        end.2.sort();
        end
    };
    assert_eq!(sorted(possible), failed("{}", &nodes));
    assert_eq!(sorted(always), failed(r#"{"after":[null,null]}"#, &nodes));
}

#[tokio::test]
async fn what_failed_in_an_attempt_that_was_made_again_does_not_fail_the_run() {
    // The first attempt of `c` loses an item of its loop and then fails as a whole; the second loses none.
    let yaml = "nodes:
- id: c
  type: condition
  expression: 'true'
  retry_policy: {max_attempts: 3, backoff_seconds: 0}
  true_path:
  - {id: l, type: loop, items_source: inputs.items, body: [{id: x, type: tool, tool_name: flaky}]}
  - {id: y, type: tool, tool_name: flaky, dependencies: [l]}";
    let end = run(yaml, r#"{"items": [1]}"#).await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    let nodes: Vec<&str> = end.failures.iter().map(|failed| failed.node.as_str()).collect();
    assert_eq!(nodes, ["c.true.l[0].body.x", "c.true.y"]);
    // Lost within the attempt that counts.
    let end = run(&yaml.replace("tool_name: flaky, dep", "tool_name: same, dep"), r#"{"items": [1]}"#).await;
    assert_eq!(end.status, RunStatus::Failed, "{:?}", end.failures);
    assert_eq!(
        end.output.to_string(),
        r#"{"c":{"result":true,"branch":"true","branch_outputs":{"l":[null],"y":null}}}"#
    );
}

#[tokio::test]
async fn a_container_is_tried_again_as_a_whole() {
    // `flaky` fails until its third call.
    let yaml = "nodes:
- id: l
  type: loop
  items_source: inputs.items
  retry_policy: {max_attempts: 3, backoff_seconds: 0}
  body: [{id: x, type: tool, tool_name: same, tool_args: {value: '{{ item }}'}}, {id: y, type: tool, tool_name: flaky, dependencies: [x]}]";
    check(yaml, r#"{"items": [1]}"#, "l", "[1]").await;
    // Under `halt` too: what is tried again has not failed for good.
    let options = RunOptions { failure_policy: FailurePolicy::Halt, ..RunOptions::default() };
    let end = run_with(yaml, r#"{"items": [1]}"#, options).await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
}

#[tokio::test]
async fn deep_nesting_ends_in_a_failure_before_paths_grow_too_long() {
    let mut registry = registry();
    let id = "x".repeat(60);
    let nest = |inner: &str, depth: usize| {
        (0..depth).fold(inner.to_owned(), |inner, _| {
            format!("{{id: {id}, type: condition, expression: 'true', true_path: [{inner}]}}")
        })
    };
    let leaf = format!("{{id: {id}, type: tool, tool_name: same, tool_args: {{value: 1}}}}");
    with_blueprint(&mut registry, "deep", &format!("nodes: [{}]", nest(&leaf, 25)));
    let workflow = format!("{{id: {id}, type: workflow, workflow_ref: deep}}");
    let plan = crate::common::plan(&format!("nodes: [{}]", nest(&workflow, 25)), &registry);
    let engine = Engine::builder().registry(registry).build();
    let options = RunOptions::default();
    let handle =
        engine.start(&plan, json("{}"), options, &crate::common::me(), &Default::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!(end.failures[0].failure.code, ErrorCode::LimitExceeded, "{:?}", end.failures);
    let document = engine.show(&Default::default(), end.id).await.unwrap();
    assert_eq!(document.status, RunStatus::Failed);
}

#[tokio::test]
async fn what_a_node_is_given_must_fit_its_input_schema() {
    let fails = async |yaml: &str, message: &str| {
        let end = run(yaml, "{}").await;
        let failure = &end.failures.first().unwrap_or_else(|| panic!("{}", end.output)).failure;
        assert_eq!(
            (failure.code, failure.message.contains(message)),
            (ErrorCode::InputInvalid, true),
            "{failure}"
        );
    };
    // A tool node is given its arguments, with and without mappings.
    let tool = |value: &str, mappings: &str| {
        format!(
            "nodes: [{{id: n, type: tool, tool_name: same, tool_args: {{value: '{value}'}}, \
             input_schema: {{value: int}}, input_mappings: {mappings}}}]"
        )
    };
    for mappings in ["{}", "{m: 3}"] {
        check(&tool("{{ 1 + 2 }}", mappings), "{}", "n", "3").await;
        fails(&tool("{{ 1 + 2 }}!", mappings), "`tool_args` do not fit the node's `input_schema`: /value")
            .await;
    }
    // The others are given what is mapped.
    let condition = |value: &str| {
        format!(
            "nodes: [{{id: n, type: condition, expression: m > 2, input_schema: {{m: int}}, \
             input_mappings: {{m: {value}}}}}]"
        )
    };
    assert_eq!(run(&condition("3"), "{}").await.status, RunStatus::Succeeded);
    fails(&condition("'3'"), "the node's input does not fit its schema: /m").await;
}

#[tokio::test]
async fn the_input_of_an_llm_node_is_converted_to_its_schema() {
    let yaml = |value: &str, coerce: bool| {
        format!(
            "nodes: [{{id: n, type: llm, provider: echo, model: e, prompt: '{{{{ m + 1 }}}} {{{{ t }}}}', \
             input_schema: {{m: int, t: str}}, input_mappings: {{m: {value}, t: '7'}}, coerce_input_types: {coerce}}}]"
        )
    };
    for (value, coerce) in [("'1,200'", true), ("1200", true), ("1200", false)] {
        let end = run(&yaml(value, coerce), "{}").await;
        let text = end.output.get("n").and_then(|output| output.get("text"));
        assert_eq!(text, Some(&json("\"1201 7\"")), "{:?}", end.failures);
    }
    for (value, coerce) in [("'1,200'", false), ("many", true)] {
        let end = run(&yaml(value, coerce), "{}").await;
        assert_eq!(end.failures[0].failure.code, ErrorCode::InputInvalid, "{:?}", end.failures);
    }
}
