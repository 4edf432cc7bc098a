//! Answers of llm nodes that do not follow their schema.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{Request, Role};
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::agents::worker;
use crate::common::{json, me, plan, replays};

/// Runs an llm node with a schema and these fields, over these answers.
#[cfg(test)]
async fn run(fields: &str, turns: &str, options: RunOptions) -> (Arc<RunEnd>, Vec<Request>) {
    let (registry, model) = worker(|_| {}, turns);
    let yaml = format!(
        "nodes: [{{id: n, type: llm, provider: scripted, model: m, prompt: How many?, output_schema: {{n: int}}, {fields}}}]"
    );
    let plan = plan(&yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle = engine.start(&plan, json("{}"), options, &me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    let document = engine.show(&Tenant::default(), end.id).await.unwrap();
    assert_eq!(document.usage, end.usage, "the document counts as the run does");
    replays(&engine, end.id).await;
    (end, model.requests())
}

const TURNS: &str = r#"[{"text": "Three, I think.", "usage": {"input": 10, "output": 4}},
                        {"json": {"n": 3}, "usage": {"input": 20, "output": 5}},
                        {"text": "Four.", "usage": {"input": 100, "output": 50}}]"#;

#[tokio::test]
async fn an_answer_is_asked_for_once_more_with_what_was_wrong() {
    for fields in ["", "memory_aware: true"] {
        let (end, requests) = run(fields, TURNS, RunOptions::default()).await;
        assert_eq!(end.status, RunStatus::Succeeded, "{end:?}");
        let output = end.output.get("n").unwrap();
        assert_eq!(
            (output.get("n"), output.get("response")),
            (Some(&json("3")), Some(&json(r#""{\"n\":3}""#)))
        );
        assert_eq!(output.get("prompt"), Some(&json(r#""How many?""#)));
        let tokens = output.get("usage").and_then(|usage| usage.get("total_tokens"));
        assert_eq!((tokens, end.usage.input, end.usage.output), (Some(&json("39")), 30, 9));
        let said: Vec<(Role, String)> =
            requests[1].messages.iter().map(|message| (message.role, message.joined_text())).collect();
        assert_eq!(said.len(), 3, "the request before, its answer, and what was wrong: {said:?}");
        assert_eq!(said[1], (Role::Assistant, "Three, I think.".to_owned()));
        assert!(said[2].1.contains("nothing but JSON that follows this schema"), "{}", said[2].1);
        assert_eq!(requests[1].output_schema, requests[0].output_schema);
    }
}

#[tokio::test]
async fn one_that_does_not_fit_again_fails_the_node_and_counts() {
    let turns = r#"[{"text": "No.", "usage": {"input": 1}}, {"text": "Never.", "usage": {"input": 10}},
                    {"text": "Well.", "usage": {"input": 100}}, {"json": {"n": 4}, "usage": {"input": 1000}}]"#;
    let (end, requests) = run("", turns, RunOptions::default()).await;
    assert_eq!((end.status, end.usage.input, requests.len()), (RunStatus::Failed, 11, 2));
    assert_eq!(end.failures[0].failure.code, ErrorCode::OutputInvalid);
    // A further attempt begins anew, and may ask once more itself.
    let (end, requests) = run("retries: 1, backoff_seconds: 0", turns, RunOptions::default()).await;
    assert_eq!((end.status, end.usage.input, requests.len()), (RunStatus::Succeeded, 1111, 4), "{end:?}");
    assert_eq!(requests[3].messages.len(), 3, "only the last failure is told");
}

#[tokio::test]
async fn what_goes_wrong_with_asking_again_fails_the_node_and_counts() {
    let turns =
        r#"[{"text": "No.", "usage": {"input": 1}}, {"error": {"kind": "refused", "message": "enough"}}]"#;
    let (end, _) = run("", turns, RunOptions::default()).await;
    assert_eq!((end.failures[0].failure.code, end.usage.input), (ErrorCode::ModelRefused, 1));
    let mut options = RunOptions::default();
    options.budget.model_calls = Some(1);
    let (end, requests) = run("", TURNS, options).await;
    assert_eq!((end.failures[0].failure.code, requests.len()), (ErrorCode::BudgetExceeded, 1), "{end:?}");
}
