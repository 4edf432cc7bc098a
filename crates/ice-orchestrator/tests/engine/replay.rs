//! Replays: what is decided anew is compared with what was.

use std::sync::Arc;

use crate::common::{json, me, plan, registry};
use ice_core::id::{RunId, Tenant};
use ice_orchestrator::engine::{Engine, Replayed};
use ice_orchestrator::journal::{RunOptions, RunStatus};
use ice_orchestrator::replay::What;

const YAML: &str = "input_schema: {type: object}
nodes:
- {id: first, type: tool, tool_name: same, tool_args: {value: 'three words here'}}
- {id: ask, type: llm, provider: echo, model: echo, prompt: 'Say {{ first }}.'}
- {id: long, type: condition, expression: first | length > 5, true_path: [{id: x, type: tool, tool_name: same, tool_args: {value: 1}}]}
- {id: each, type: loop, items_source: inputs.items, item_var: it, body: [{id: y, type: tool, tool_name: same, tool_args: {value: '{{ it }}'}}]}
- {id: again, type: tool, tool_name: flaky, retry_policy: {max_attempts: 4, backoff_seconds: 0.01}}";

#[cfg(test)]
async fn ran(engine: &Engine, yaml: &str) -> RunId {
    let plan = plan(yaml, engine.registry());
    let inputs = json(r#"{"items": [1, 2, 3]}"#);
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    handle.id()
}

#[cfg(test)]
async fn replayed(engine: &Engine, run: RunId, yaml: Option<&str>) -> Replayed {
    let plan = yaml.map(|yaml| plan(yaml, engine.registry()));
    engine.replay(&Tenant::default(), run, plan.as_ref().map(Arc::clone).as_ref()).await.unwrap()
}

/// Where a replay over a changed blueprint parts from the journal, in words.
#[cfg(test)]
async fn parts(from: &str, to: &str) -> String {
    assert!(YAML.contains(from));
    let engine = Engine::builder().registry(registry()).build();
    let run = ran(&engine, YAML).await;
    let replayed = replayed(&engine, run, Some(&YAML.replace(from, to))).await;
    replayed.divergence.map(|divergence| divergence.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn a_run_comes_out_the_same_over_its_own_plan_and_nothing_is_called() {
    let engine = Engine::builder().registry(registry()).build();
    let run = ran(&engine, YAML).await;
    let records = engine.show(&Tenant::default(), run).await.unwrap().records;
    for yaml in [None, Some(YAML)] {
        let replayed = replayed(&engine, run, yaml).await;
        assert_eq!((replayed.divergence, replayed.records), (None, records));
    }
    assert_eq!(engine.show(&Tenant::default(), run).await.unwrap().records, records);
}

#[tokio::test]
async fn one_character_of_a_prompt_is_named_with_its_place() {
    let text = parts("Say {{", "say {{").await;
    assert!(text.contains("`ask`") && text.contains("intent.request.messages.0.parts.0.text"), "{text}");
    assert!(text.contains("\"Say three words") && text.contains("\"say three words"), "{text}");
}

#[tokio::test]
async fn an_expression_that_gives_something_else_is_named() {
    let text = parts("> 5", "> 50").await;
    assert!(text.contains("`long`: `opening.result` was true and is false now"), "{text}");
    assert_eq!(parts("> 5", "> 6").await, "", "it gives the same here");
}

#[tokio::test]
async fn changes_of_models_retries_items_and_order_are_named() {
    let text = parts("backoff_seconds: 0.01", "backoff_seconds: 7").await;
    assert!(text.contains("`again`: `retry_at` was "), "{text}");
    let text = parts("items_source: inputs.items", "items_source: '{{ [1, 2] }}'").await;
    assert!(text.contains("`each`: `opening.items.2` was 3 and is nothing now"), "{text}");
    let text = parts("'{{ it }}'", "'{{ it + 1 }}'").await;
    assert!(text.contains("`each[0].body.y`: `intent.input.value` was 1 and is 2 now"), "{text}");
    let text = parts(
        "{id: again, type: tool, tool_name: flaky,",
        "{id: again, type: tool, tool_name: flaky, dependencies: [each],",
    )
    .await;
    assert!(text.contains("`again`: it started, and now "), "{text}");
    let text = parts("id: x,", "id: z,").await;
    assert!(text.contains("`long.true.x`: it started, and now `long.true.z` started"), "{text}");
}

#[tokio::test]
async fn a_run_that_waits_replays_up_to_where_it_is() {
    let engine = Engine::builder().registry(registry()).build();
    let yaml = "nodes: [{id: ask, type: human, prompt_message: 'ok?'}]";
    let plan_ = plan(yaml, engine.registry());
    let handle =
        engine.start(&plan_, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    engine.drain().await;
    assert_eq!(replayed(&engine, handle.id(), None).await.divergence, None);
    let changed = replayed(&engine, handle.id(), Some(&yaml.replace("ok?", "fine?"))).await;
    let divergence = changed.divergence.unwrap();
    assert!(matches!(divergence.what, What::Other { difference: Some(_), .. }), "{divergence}");
    assert!(
        divergence.to_string().contains("`question.message` was \"ok?\" and is \"fine?\" now"),
        "{divergence}"
    );
}

#[tokio::test]
async fn what_would_happen_besides_or_not_be_accepted_is_named() {
    let engine = Engine::builder().registry(registry()).build();
    let yaml = "nodes: [{id: ask, type: human, prompt_message: 'ok?'}]";
    let plan_ = plan(yaml, engine.registry());
    let handle =
        engine.start(&plan_, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    engine.drain().await;
    let besides = "nodes: [{id: ask, type: human, prompt_message: 'ok?'}, {id: b, type: human, prompt_message: 'b?', dependencies: [ask]}]";
    assert_eq!(replayed(&engine, handle.id(), Some(besides)).await.divergence, None, "it comes later");
    let besides = besides.replace(", dependencies: [ask]", "");
    let text = replayed(&engine, handle.id(), Some(&besides)).await.divergence.unwrap().to_string();
    assert!(text.contains("`b`"), "{text}");
    let strict = format!("input_schema: {{type: object, required: [x]}}\n{yaml}");
    let text = replayed(&engine, handle.id(), Some(&strict)).await.divergence.unwrap().to_string();
    assert!(text.starts_with("record 0") && text.contains("`x`") || text.contains("\"x\""), "{text}");
}
