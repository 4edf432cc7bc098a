//! Which field of its node a failure is about.

use crate::common::{run, run_with};
use ice_orchestrator::journal::{NodeFailure, RunOptions};

/// `node field` or `node field start..end` of every failure, sorted.
fn shown(failures: &[NodeFailure]) -> Vec<String> {
    let shown = |failed: &NodeFailure| {
        let about = failed.failure.about.as_ref();
        let field = about.map_or(String::new(), |about| format!(" {}", about.field));
        let part = about.and_then(|about| about.part.clone()).map(|part| format!(" {part:?}"));
        format!("{}{field}{}", failed.node, part.unwrap_or_default())
    };
    let mut shown: Vec<String> = failures.iter().map(shown).collect();
    shown.sort();
    shown
}

async fn check(node: &str, expected: &[&str]) {
    let yaml =
        format!("nodes:\n- {{id: a, type: tool, tool_name: same, tool_args: {{value: 3}}}}\n- {node}\n");
    let end = run(&yaml, r#"{"zero": 0, "none": null, "list": [1, 0]}"#).await;
    assert_eq!(shown(&end.failures), expected, "{node}: {:?}", end.failures);
}

#[tokio::test]
async fn a_template_that_fails_is_told_with_its_part_of_the_field() {
    check(
        "{id: b, type: llm, provider: echo, model: m, prompt: 'é {{ 1 / inputs.zero }}'}",
        &["b prompt 6..21"],
    )
    .await;
    check(
        "{id: b, type: llm, provider: echo, model: m, prompt: x, llm_config: {model: '{{ inputs.gone }}'}}",
        &["b llm_config.model 3..14"],
    )
    .await;
    check("{id: b, type: llm, provider: echo, model: '{{ inputs.gone }}', prompt: x}", &["b model 3..14"])
        .await;
    check(
        "{id: b, type: tool, tool_name: same, tool_args: {value: [1, {x.y: '{{ inputs.gone }}'}]}}",
        &["b tool_args.value.1.x.y 3..14"],
    )
    .await;
    check("{id: b, type: condition, expression: 1 / inputs.zero > 1}", &["b expression 0..15"]).await;
    let body = "body: [{id: c, type: condition, expression: 1 / item > 1}]";
    check(&format!("{{id: b, type: loop, items_source: inputs.gone, {body}}}"), &["b items_source"]).await;
    check(&format!("{{id: b, type: loop, items_source: a, {body}}}"), &["b items_source"]).await;
    check(
        &format!("{{id: b, type: loop, items_source: inputs.list, {body}}}"),
        &["b[1].body.c expression 0..8"],
    )
    .await;
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_the_place_that_holds_it() {
    check(
        "{id: b, type: tool, tool_name: same, input_schema: {value: 'list[int]'}, tool_args: {value: [1, x]}}",
        &["b tool_args.value.1"],
    )
    .await;
    check(
        "{id: b, type: tool, tool_name: same, input_schema: {value: 'list[int]'}, tool_args: {value: [x, 1, y]}}",
        &["b tool_args.value"],
    )
    .await;
    check(
        "{id: b, type: tool, tool_name: same, input_schema: {a/b: int, value: int}, tool_args: {a/b: x, value: 1}}",
        &["b tool_args.a/b"],
    )
    .await;
    let mapped = "{source_node_id: a, source_output_key: gone}";
    check(
        &format!("{{id: b, type: tool, tool_name: same, input_mappings: {{p: {mapped}, q: 1}}}}"),
        &["b input_mappings.p"],
    )
    .await;
    check(
        &format!("{{id: b, type: tool, tool_name: same, input_mappings: {{p: {mapped}, q: {mapped}}}}}"),
        &["b input_mappings"],
    )
    .await;
    check(
        "{id: b, type: tool, tool_name: same, tool_args: {value: {x: 1}}, output_mappings: {y: z.w}}",
        &["b output_mappings.y"],
    )
    .await;
    check(
        "{id: b, type: tool, tool_name: same, tool_args: {value: {x: 1}}, output_schema: {x: str}}",
        &["b output_schema"],
    )
    .await;
}

#[tokio::test]
async fn what_comes_from_outside_is_about_no_field_and_a_time_out_about_the_one_that_sets_it() {
    check("{id: b, type: tool, tool_name: fail}", &["b"]).await;
    check("{id: b, type: tool, tool_name: panic}", &["b"]).await;
    tokio::time::pause();
    check("{id: b, type: tool, tool_name: wait, timeout_seconds: 5}", &["b timeout_seconds"]).await;
}

#[tokio::test]
async fn what_fails_because_of_another_node_is_about_no_field() {
    let yaml = "nodes:
- id: b
  type: condition
  expression: 'true'
  true_path: [{id: c, type: condition, expression: 1 / inputs.zero > 1}]";
    let end = run(yaml, r#"{"zero": 0}"#).await;
    assert_eq!(shown(&end.failures), ["b", "b.true.c expression 0..15"]);
    let halt = RunOptions {
        failure_policy: ice_orchestrator::journal::FailurePolicy::Halt,
        ..RunOptions::default()
    };
    let end = run_with(yaml, r#"{"zero": 0}"#, halt).await;
    assert_eq!(end.failure.as_ref().unwrap().about, None);
}

#[tokio::test]
async fn a_field_with_a_very_long_name_is_not_kept() {
    let key = "k".repeat(2_000);
    check(
        &format!(
            "{{id: b, type: tool, tool_name: same, tool_args: {{? {key}\n  : '{{{{ inputs.gone }}}}'}}}}"
        ),
        &["b"],
    )
    .await;
}
