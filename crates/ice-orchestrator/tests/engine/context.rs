//! What of the context an llm node writes into its prompt, and what becomes of answers that are cut off or are none.

use std::sync::Arc;

use crate::common::{json, me, plan, registry, run};
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, Scripted};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{Failure, RunOptions};

/// The prompt of an llm node that reads `note` under a rule, or why there is none.
#[cfg(test)]
async fn prompt(note: &str, rule: &str) -> Result<String, Failure> {
    let yaml = format!(
        "nodes:
- {{id: note, type: tool, tool_name: same, tool_args: {{value: '{{{{ inputs.note }}}}'}}}}
- id: it
  type: llm
  provider: echo
  model: echo
  prompt: 'Read {{{{ note }}}}.'
  {rule}"
    );
    let end = run(&yaml, &format!(r#"{{"note": {note}}}"#)).await;
    match end.failures.first() {
        Some(failed) => Err(failed.failure.clone()),
        None => Ok(end.output.get("it").unwrap().get("prompt").unwrap().as_str().unwrap().to_owned()),
    }
}

#[tokio::test]
async fn the_context_is_written_as_its_rule_says() {
    let (text, object) = ("\"two words\"", r#"{"k": [1]}"#);
    let pretty = "{\n  \"k\": [\n    1\n  ]\n}";
    for (note, rule, expected) in [
        (text, "{}", "two words".to_owned()),
        (object, "{}", r#"{"k":[1]}"#.to_owned()),
        (text, "{format: json}", "\"two words\"".to_owned()),
        (object, "{format: json}", pretty.to_owned()),
        (text, "{format: markdown}", "```\ntwo words\n```".to_owned()),
        (object, "{format: markdown}", format!("```json\n{pretty}\n```")),
        (text, "{format: code}", "```\ntwo words\n```".to_owned()),
        (text, "{include: false}", String::new()),
        (text, "{include: false, required: true}", String::new()),
        // Four bytes are a token, and no letter is cut in two.
        (text, "{max_tokens: 1}", "two ".to_owned()),
        ("\"123\u{e4}5\"", "{max_tokens: 1}", "123".to_owned()),
        (text, "{max_tokens: 3, truncate: false}", "two words".to_owned()),
    ] {
        let found = prompt(note, &format!("context_rules: {{note: {rule}}}")).await.unwrap();
        assert_eq!(found, format!("Read {expected}."), "{note} {rule}");
    }
    let custom = "context_rules: {note: {format: custom}}
  format_specifications: {note: '<{{ value.k[0] }} of {{ note.k }}>'}";
    assert_eq!(prompt(object, custom).await.unwrap(), "Read <1 of [1]>.");
}

#[tokio::test]
async fn context_that_is_missing_or_too_long_fails_the_node_with_its_field() {
    for (note, rule, what) in [
        ("null", "{required: true}", "the context it names is required, but empty"),
        ("\"two words\"", "{max_tokens: 1, truncate: false}", "about 2 tokens exceed 1"),
    ] {
        let failure = prompt(note, &format!("context_rules: {{note: {rule}}}")).await.unwrap_err();
        let expected = format!("`context_rules.note`: {what}");
        assert_eq!((failure.code, &failure.message), (ErrorCode::MappingFailed, &expected));
        assert_eq!(failure.about.as_ref().map(|about| about.field.as_str()), Some("context_rules.note"));
    }
    let custom = "context_rules: {note: {format: custom}}
  format_specifications: {note: '{{ value.k.none }}'}";
    let failure = prompt("1", custom).await.unwrap_err();
    assert!(failure.message.contains("format_specifications.note"), "{failure:?}");
}

/// How a run of an llm node ends whose model answers with this turn.
#[cfg(test)]
async fn ended(turn: &str, fields: &str) -> Arc<RunEnd> {
    let mut registry = registry();
    let script = serde_json::from_str(&format!(r#"{{"turns": [{turn}]}}"#)).unwrap();
    registry.providers.register(Arc::new(Scripted::new(script)) as Arc<dyn LlmProvider>).unwrap();
    let yaml = format!("nodes: [{{id: it, type: llm, provider: scripted, model: m, prompt: hi, {fields}}}]");
    let plan = plan(&yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle =
        engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    handle.wait().await.unwrap()
}

/// How that node fails, or its text.
#[cfg(test)]
async fn answered(turn: &str, fields: &str) -> Result<Value, Failure> {
    let end = ended(turn, fields).await;
    // What was spent is counted, whatever came of it.
    assert_eq!(end.usage.total(), 9, "{end:?}");
    match end.failures.first() {
        Some(failed) => Err(failed.failure.clone()),
        None => Ok(end.output.get("it").unwrap().get("text").cloned().unwrap()),
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_off_is_taken_as_text_but_not_as_an_object() {
    let cut = r#"{"text": "{\"n\": 1", "finish": "length", "usage": {"input": 4, "output": 5}}"#;
    assert_eq!(answered(cut, "").await.unwrap(), Value::from("{\"n\": 1"));
    let schema = "output_schema: {type: object, properties: {n: {type: integer}}, required: [n]}";
    let failure = answered(cut, schema).await.unwrap_err();
    assert_eq!((failure.code, failure.retryable), (ErrorCode::ModelTruncated, false));
    // One that is whole is parsed, whatever fields there are.
    let whole = r#"{"text": "{\"n\": 1}", "usage": {"input": 4, "output": 5}}"#;
    assert_eq!(answered(whole, schema).await.unwrap(), Value::from("{\"n\": 1}"));
}

#[tokio::test]
async fn a_model_that_asks_for_tools_it_was_not_given_fails_the_node() {
    let asks = r#"{"tool_calls": [{"name": "same", "arguments": {}}], "usage": {"input": 4, "output": 5}}"#;
    let failure = answered(asks, "").await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::ModelFailed);
    assert!(failure.message.contains("an llm node has none"), "{failure:?}");
}

#[tokio::test]
async fn what_usage_is_made_of_is_told_where_there_is_any() {
    for (usage, expected) in [
        (
            r#"{"input": 4, "output": 5}"#,
            r#"{"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}"#,
        ),
        (
            r#"{"input": 4, "output": 5, "cached": 3, "cache_write": 2, "reasoning": 1}"#,
            r#"{"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9, "cached_tokens": 3, "cache_write_tokens": 2,
                "reasoning_tokens": 1}"#,
        ),
    ] {
        let end = ended(&format!(r#"{{"text": "a", "usage": {usage}}}"#), "").await;
        assert_eq!(end.output.get("it").unwrap().get("usage"), Some(&json(expected)), "{:?}", end.failures);
    }
}
