//! The kinds of node, end to end in memory.

use std::sync::Arc;

use crate::common::{json, run, run_with};
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, Scripted};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{Failure, FailurePolicy, RunOptions, RunStatus};
use ice_orchestrator::simulation::{Call, Random, Reply, Simulation};

async fn check(yaml: &str, inputs: &str, expected: &str) {
    let end = run(yaml, inputs).await;
    assert_eq!((end.status, &end.output), (RunStatus::Succeeded, &json(expected)), "{:?}", end.failures);
}

#[tokio::test]
async fn a_chain_passes_values_on() {
    check(
        "nodes:
- {id: a, type: tool, tool_name: add, tool_args: {a: '{{ inputs.n }}', b: 1}}
- {id: b, type: tool, tool_name: add, tool_args: {a: '{{ a }}', b: '{{ inputs.n }}'}}
- {id: c, type: tool, tool_name: same, tool_args: {value: {sum: '{{ b }}', text: 'n={{ b }}'}}}",
        r#"{"n": 20}"#,
        r#"{"a": 21, "b": 41, "c": {"sum": 41, "text": "n=41"}}"#,
    )
    .await;
}

#[tokio::test]
async fn a_condition_runs_one_path_and_skips_the_other() {
    let yaml = "nodes:
- {id: n, type: tool, tool_name: same, tool_args: {value: '{{ inputs.n }}'}}
- id: big
  type: condition
  expression: n > 10
  true_path:
  - {id: large, type: tool, tool_name: same, tool_args: {value: 'large {{ n }}'}}
  false_path:
  - {id: small, type: tool, tool_name: same, tool_args: {value: 'small: {{ condition_result }}'}}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ big.branch_outputs }}'}}";
    let (large, small) =
        (r#"{"large": "large 11", "small": null}"#, r#"{"small": "small: False", "large": null}"#);
    for (n, branch, outputs) in [(11, true, large), (10, false, small)] {
        let expected = format!(
            r#"{{"n": {n}, "big": {{"result": {branch}, "branch": "{branch}", "branch_outputs": {outputs}}}, "after": {outputs}}}"#
        );
        check(yaml, &format!(r#"{{"n": {n}}}"#), &expected).await;
    }
}

#[tokio::test]
async fn flat_branches_of_the_first_dialect_skip_and_join() {
    let yaml = "schema_version: 1.1.0
nodes:
- {id: c, type: condition, expression: 'inputs.go', true_branch: [yes_node], false_branch: [no_node]}
- {id: yes_node, type: tool, tool_name: same, tool_args: {value: taken}, dependencies: [c]}
- {id: no_node, type: tool, tool_name: same, tool_args: {value: other}, dependencies: [c]}
- {id: only_no, type: tool, tool_name: same, tool_args: {value: '{{ no_node }}'}, dependencies: [no_node]}
- {id: join, type: tool, tool_name: same, tool_args: {value: ['{{ yes_node }}', '{{ no_node }}']}, dependencies: [yes_node, no_node]}";
    let end = run(yaml, r#"{"go": true}"#).await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    assert_eq!(end.output.get("join"), Some(&json(r#"["taken", null]"#)));
    assert_eq!((end.output.get("no_node"), end.output.get("only_no")), (None, None));
}

#[tokio::test]
async fn loops_run_their_body_for_each_item_in_turn_and_side_by_side() {
    for parallel in [false, true] {
        let yaml = format!(
            "nodes:
- id: each
  type: loop
  items_source: inputs.items
  item_var: x
  parallel: {parallel}
  body:
  - {{id: double, type: tool, tool_name: add, tool_args: {{a: '{{{{ x }}}}', b: '{{{{ x }}}}'}}}}
  - {{id: row, type: tool, tool_name: same, tool_args: {{value: ['{{{{ loop_index }}}}', '{{{{ double }}}}']}}}}"
        );
        check(&yaml, r#"{"items": [5, 6, 7]}"#, r#"{"each": [[0, 10], [1, 12], [2, 14]]}"#).await;
        check(&yaml, r#"{"items": []}"#, r#"{"each": []}"#).await;
    }
}

#[tokio::test]
async fn loops_stop_at_max_iterations_and_refuse_what_is_no_list() {
    let yaml = "nodes:
- id: each
  type: loop
  items_source: '{{ inputs.items }}'
  max_iterations: 2
  body: [{id: x, type: tool, tool_name: same, tool_args: {value: '{{ item }}'}}]";
    check(yaml, r#"{"items": [1, 2, 3]}"#, r#"{"each": [1, 2]}"#).await;
    let end = run(yaml, r#"{"items": "abc"}"#).await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::LoopItemsInvalid);
}

#[tokio::test]
async fn parallel_branches_are_merged() {
    check(
        "nodes:
- id: p
  type: parallel
  branches:
  - [{id: a, type: tool, tool_name: same, tool_args: {value: 1}}, {id: b, type: tool, tool_name: add, tool_args: {a: '{{ a }}', b: 1}}]
  - [{id: a, type: tool, tool_name: same, tool_args: {value: '{{ branch_index }}'}}]",
        "{}",
        r#"{"p": {"branch_results": [{"a": 1, "b": 2}, {"a": 1}], "merged": {"a": [1, 1], "b": 2}}}"#,
    )
    .await;
}

#[tokio::test]
async fn a_race_is_won_by_the_first_branch_and_the_others_are_cancelled() {
    let yaml = "nodes:
- id: p
  type: parallel
  wait_strategy: race
  branches:
  - [{id: slow, type: tool, tool_name: wait}]
  - [{id: fast, type: tool, tool_name: same, tool_args: {value: 1}}]";
    check(
        yaml,
        "{}",
        r#"{"p": {"branch_results": [null, {"fast": 1}], "merged": {"slow": null, "fast": 1}}}"#,
    )
    .await;
    let any = yaml.replace("race", "any").replace("tool_name: wait", "tool_name: fail");
    let end = run(&any, "{}").await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failure);
}

#[tokio::test]
async fn a_sub_workflow_sees_its_inputs_alone_and_exposes_what_it_should() {
    let mut registry = crate::common::registry();
    crate::common::with_blueprint(
        &mut registry,
        "twice",
        "nodes: [{id: sum, type: tool, tool_name: add, tool_args: {a: '{{ inputs.n }}', b: '{{ inputs.n }}'}}]",
    );
    let plan = crate::common::plan(
        "nodes:
- {id: w, type: workflow, workflow_ref: twice, config_overrides: {n: '{{ inputs.start }}'}, exposed_outputs: {result: sum}}
- {id: v, type: workflow, workflow_ref: twice, config_overrides: {n: '{{ w.result }}'}}",
        &registry,
    );
    let engine = ice_orchestrator::engine::Engine::builder().registry(registry).build();
    let handle = engine
        .start(
            &plan,
            json(r#"{"start": 3}"#),
            RunOptions::default(),
            &crate::common::me(),
            &Default::default(),
        )
        .await
        .unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!(end.output, json(r#"{"w": {"result": 6}, "v": {"sum": 12}}"#), "{:?}", end.failures);
}

#[tokio::test]
async fn a_model_is_asked() {
    let yaml = "nodes:
- {id: ask, type: llm, provider: echo, model: echo-1, prompt: 'Hello {{ inputs.name }}'}
- id: data
  type: llm
  provider: echo
  model: echo-1
  prompt: '{\"n\": \"1,200\"}'
  output_schema: {n: int}";
    let end = run(yaml, r#"{"name": "Ada"}"#).await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    let ask = end.output.get("ask").unwrap();
    assert_eq!(ask.get("response"), Some(&json("\"Hello Ada\"")));
    assert_eq!(ask.get("text"), ask.get("response"));
    assert_eq!(ask.get("prompt"), ask.get("response"));
    assert_eq!(end.output.get("data").unwrap().get("n"), Some(&json("1200")));
    assert!(end.usage.total() > 0);
}

#[tokio::test]
async fn failures_block_what_depends_on_them_and_no_more() {
    let yaml = "nodes:
- {id: bad, type: tool, tool_name: fail}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ bad }}'}}
- {id: other, type: tool, tool_name: same, tool_args: {value: 1}}
- {id: last, type: tool, tool_name: same, tool_args: {value: 2}, dependencies: [other]}";
    let outputs = |policy| async move {
        let end = run_with(
            yaml,
            "{}",
            RunOptions { failure_policy: policy, max_parallel: 1, ..RunOptions::default() },
        )
        .await;
        assert_eq!(end.status, RunStatus::Failed);
        assert_eq!(end.failure.as_ref().unwrap().code, ErrorCode::ToolFailed);
        end.output.to_string()
    };
    assert_eq!(outputs(FailurePolicy::ContinuePossible).await, r#"{"other":1,"last":2}"#);
    assert_eq!(outputs(FailurePolicy::Always).await, r#"{"after":null,"other":1,"last":2}"#);
    assert_eq!(outputs(FailurePolicy::Halt).await, "{}");
}

#[tokio::test(start_paused = true)]
async fn attempts_are_repeated_as_often_as_the_policy_says() {
    let yaml = "nodes:
- {id: n, type: tool, tool_name: flaky, retry_policy: {max_attempts: 3, backoff_seconds: 1}}";
    check(yaml, "{}", r#"{"n": 3}"#).await;
    let end = run(&yaml.replace("max_attempts: 3", "max_attempts: 2"), "{}").await;
    assert_eq!(end.status, RunStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_ends_an_attempt() {
    let end = run("nodes: [{id: n, type: tool, tool_name: wait, timeout_seconds: 2}]", "{}").await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::NodeTimeout, "{:?}", end.failures);
    let end = run("nodes: [{id: n, type: tool, tool_name: deaf, timeout_seconds: 2}]", "{}").await;
    assert!(end.failures[0].failure.message.contains("ignored its cancellation"), "{:?}", end.failures);
    let looped = "nodes:
- id: l
  type: loop
  items_source: inputs.items
  timeout_seconds: 1
  body: [{id: n, type: tool, tool_name: wait}]";
    let end = run(looped, r#"{"items": [1]}"#).await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::NodeTimeout, "{:?}", end.failures);
}

#[tokio::test]
async fn a_panic_in_a_tool_is_a_failure() {
    for tool in ["panic", "panics_at_its_end"] {
        let end = run(&format!("nodes: [{{id: n, type: tool, tool_name: {tool}}}]"), "{}").await;
        assert_eq!(end.failures[0].failure.code, ErrorCode::NodePanicked, "{tool}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_is_one_of_what_is_dropped_when_an_attempt_is_given_up() {
    let yaml = "nodes: [{id: n, type: tool, tool_name: panics_when_given_up, timeout_seconds: 1}]";
    let end = run(yaml, "{}").await;
    assert_eq!(end.failures[0].failure.code, ErrorCode::NodePanicked);
}

#[tokio::test]
async fn what_a_model_costs_is_counted_also_where_it_fails() {
    let script = r#"{"capabilities": {"max_input_tokens": 9, "max_output_tokens": 9, "tools": false,
        "json_schema": false, "vision": false, "price": {"input": "3", "output": "15"}},
        "turns": [{"text": "a", "usage": {"input": 1000, "output": 100}},
            {"usage": {"input": 2000}, "error": {"kind": "refused", "message": "no"}}]}"#;
    let mut registry = crate::common::registry();
    let model: Arc<dyn LlmProvider> = Arc::new(Scripted::new(serde_json::from_str(script).unwrap()));
    registry.providers.register(model).unwrap();
    let yaml = "nodes:
- {id: a, type: llm, provider: scripted, model: m, prompt: one}
- {id: b, type: llm, provider: scripted, model: m, prompt: two, dependencies: [a]}";
    let plan = crate::common::plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let (by, tenant) = (crate::common::me(), Tenant::default());
    let run = engine.start(&plan, Value::Null, RunOptions::default(), &by, &tenant).await.unwrap();
    let end = run.wait().await.unwrap();
    assert_eq!((end.usage.input, end.usage.cost.to_string().as_str()), (3_000, "0.0105"), "{end:?}");
    let document = engine.show(&tenant, end.id).await.unwrap();
    let costs: Vec<_> = document.nodes.iter().map(|node| node.usage.cost.to_string()).collect();
    assert_eq!((costs, document.usage), (vec!["0.0045".to_owned(), "0.006".to_owned()], end.usage));
}

/// The request that the model of an llm node with these settings is asked with.
fn request(config: &str) -> Value {
    let yaml = format!(
        "nodes: [{{id: n, type: llm, provider: echo, model: e, prompt: hi, temperature: 1, llm_config: {config}}}]"
    );
    let seen = std::cell::RefCell::new(Value::Null);
    let world = |call: &Call<'_>| {
        *seen.borrow_mut() = call.input().clone();
        Reply::fail(Failure::new(ErrorCode::ModelFailed, "seen"))
    };
    let plan = crate::common::plan(&yaml, &crate::common::registry());
    let mut choices = Random::new(1);
    let run = Simulation::new(&plan, json("{}"), RunOptions::default(), world, &mut choices).run();
    assert_eq!(run.err().map(|violation| violation.to_string()), None);
    seen.into_inner()
}

#[test]
fn a_request_carries_the_settings_of_its_node() {
    let check = |config: &str, expected: &str| {
        let message = r#""messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]"#;
        assert_eq!(request(config), json(&format!("{{{message}, {expected}}}")), "{config}");
    };
    check("{}", r#""model": "e", "temperature": 1.0"#);
    check(
        "{model: f, temperature: 0.5, max_tokens: 9, top_p: 0.25, stop_sequences: [end]}",
        r#""model": "f", "temperature": 0.5, "max_tokens": 9, "top_p": 0.25, "stop": ["end"]"#,
    );
    check(
        "{frequency_penalty: 0.5, presence_penalty: -1, logprobs: true, seed: 1, custom_parameters: {seed: 2}}",
        r#""model": "e", "temperature": 1.0,
           "extra": {"frequency_penalty": 0.5, "presence_penalty": -1.0, "logprobs": true, "seed": 2}"#,
    );
}

#[test]
fn the_shorter_time_out_of_a_call_and_its_node_holds() {
    for (fields, seconds) in [
        ("llm_config: {timeout: 3}", 3),
        ("llm_config: {timeout: 3}, timeout_seconds: 2", 2),
        ("llm_config: {timeout: 3}, timeout_seconds: 9", 3),
    ] {
        let yaml = format!("nodes: [{{id: n, type: llm, provider: echo, model: e, prompt: hi, {fields}}}]");
        let plan = crate::common::plan(&yaml, &crate::common::registry());
        let mut choices = Random::new(1);
        let world = |_: &Call<'_>| Reply::never();
        let run = Simulation::new(&plan, json("{}"), RunOptions::default(), world, &mut choices).run();
        let failure = run.unwrap_or_else(|violation| panic!("{violation}")).failure.unwrap();
        assert_eq!(failure.code, ErrorCode::NodeTimeout);
        assert!(failure.message.contains(&format!("time-out of {seconds} s")), "{}", failure.message);
    }
}

/// Runs one node with two scripted providers, `first` and `second`.
async fn with_fallback(first: &str, second: &str, settings: &str) -> (Arc<RunEnd>, [Arc<Scripted>; 2]) {
    let named = |name: &str, turns: &str| {
        let price = r#"{"input": "1", "output": "1"}"#;
        let script = format!(
            r#"{{"capabilities": {{"max_input_tokens": 9, "max_output_tokens": 9, "tools": false,
            "json_schema": false, "vision": false, "price": {price}}}, "turns": {turns}}}"#
        );
        Arc::new(Scripted::named(name, serde_json::from_str(&script).unwrap()))
    };
    let models = [named("first", first), named("second", second)];
    let mut registry = crate::common::registry();
    for model in &models {
        registry.providers.register(Arc::clone(model) as Arc<dyn LlmProvider>).unwrap();
    }
    let yaml = format!("nodes:\n- {{id: a, type: llm, provider: first, model: m, prompt: hi, {settings}}}");
    let plan = crate::common::plan(&yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let (by, tenant) = (crate::common::me(), Tenant::default());
    let run = engine.start(&plan, Value::Null, RunOptions::default(), &by, &tenant).await.unwrap();
    (run.wait().await.unwrap(), models)
}

#[tokio::test]
async fn another_model_is_asked_where_that_helps() {
    let fails = |helps: bool| {
        let error = r#""kind": "quota", "message": "used up""#;
        format!(
            r#"[{{"error": {{{error}, "another_model_helps": {helps}}}, "usage": {{"input": 1000000}}}}]"#
        )
    };
    let answers = r#"[{"text": "good day", "usage": {"input": 2000000, "output": 1000000}}]"#;
    let settings = "llm_config: {base_url: 'http://x', fallback_models: [{provider: second, model: n}]}";

    let (end, [_, second]) = with_fallback(&fails(true), answers, settings).await;
    assert_eq!(end.failures, []);
    assert_eq!(end.output.get("a").and_then(|a| a.get("text")), Some(&Value::from("good day")));
    // Both are paid for.
    assert_eq!((end.usage.input, end.usage.cost.to_string().as_str()), (3_000_000, "4"));
    let asked = second.requests();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    // The address was that of the first one, and who comes next is nobody else's business.
    assert_eq!((asked.model.as_str(), &asked.base_url, asked.fallbacks.len()), ("n", &None, 0));

    let (end, [_, second]) = with_fallback(&fails(false), answers, settings).await;
    assert_eq!((end.failures[0].failure.code, second.requests().len()), (ErrorCode::ModelQuota, 0));
    assert_eq!(end.usage.cost.to_string(), "1");
    let (end, _) = with_fallback(&fails(true), &fails(true), settings).await;
    assert_eq!(
        (end.failures[0].failure.code, end.usage.cost.to_string().as_str()),
        (ErrorCode::ModelQuota, "2")
    );
}
