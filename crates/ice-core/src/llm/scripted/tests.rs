use std::sync::Arc;

use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::llm::{Chunk, FinishReason, Message, Part, Role, Usage};
use crate::value::Value;

fn scripted(script: serde_json::Value) -> Scripted {
    Scripted::new(serde_json::from_value(script).unwrap())
}

async fn ask(model: &Scripted, prompt: &str) -> Result<String, LlmError> {
    let request = Request::prompt("m", prompt);
    model.complete(&LlmContext::default(), request).await.map(|response| response.message.joined_text())
}

#[tokio::test]
async fn turns_are_taken_in_order_or_as_they_fit() {
    let model = scripted(json!({"turns": [
        {"when": {"contains": "weather"}, "times": "always", "text": "rain"},
        {"text": "one"},
        {"times": 2, "json": {"n": 2}},
    ]}));
    let mut answers = Vec::new();
    for prompt in ["a", "the weather?", "b", "c", "weather"] {
        answers.push(ask(&model, prompt).await.unwrap());
    }
    assert_eq!(answers, ["one", "rain", "{\"n\":2}", "{\"n\":2}", "rain"]);
    assert_eq!(model.turns_left(), 0);
    let error = ask(&model, "more").await.unwrap_err();
    assert_eq!(error.kind, LlmErrorKind::InvalidRequest);
    assert_eq!(
        error.message,
        "the script has no turn for call 6: of its 3 turns none is left that fits; add one"
    );
    let seen: Vec<String> =
        model.requests().iter().map(|request| request.messages[0].joined_text()).collect();
    assert_eq!(seen, ["a", "the weather?", "b", "c", "weather", "more"]);
}

#[tokio::test]
async fn turns_fit_by_model_and_by_any_message() {
    let model = scripted(json!({"models": ["big", "small"], "turns": [
        {"when": {"model": "big"}, "text": "from big"},
        {"when": {"anywhere": "42"}, "text": "saw the result"},
    ]}));
    assert_eq!(model.models(), Some(vec!["big".to_owned(), "small".to_owned()]));
    assert_eq!(model.capabilities("other"), None);
    assert!(model.capabilities("big").is_some());
    let ctx = LlmContext::default();
    let mut request = Request::prompt("small", "x");
    request.messages.push(Arc::new(Message {
        role: Role::Tool,
        parts: vec![Part::ToolResult {
            call_id: "1".to_owned(),
            content: Value::map([("n", Value::from(42))]),
            is_error: false,
        }],
    }));
    let text = |response: Response| response.message.joined_text();
    assert_eq!(model.complete(&ctx, request).await.map(text), Ok("saw the result".to_owned()));
    assert_eq!(model.complete(&ctx, Request::prompt("big", "x")).await.map(text), Ok("from big".to_owned()));
    let error = model.complete(&ctx, Request::prompt("other", "x")).await.unwrap_err();
    assert!(error.message.contains("no model `other`"), "{error}");
}

#[tokio::test]
async fn every_failure_can_be_scripted() {
    let kinds = [
        ("context_too_long", LlmErrorKind::ContextTooLong),
        ("transient", LlmErrorKind::Transient { retry_after: Some(Duration::from_millis(250)) }),
        ("auth", LlmErrorKind::Auth),
        ("quota", LlmErrorKind::Quota),
        ("refused", LlmErrorKind::Refused),
        ("invalid_request", LlmErrorKind::InvalidRequest),
        ("truncated", LlmErrorKind::Truncated),
        ("cancelled", LlmErrorKind::Cancelled),
    ];
    for (name, kind) in kinds {
        let model = scripted(json!({"turns": [{
            "error": {"kind": name, "message": "no", "retry_after_ms": 250, "another_model_helps": true},
            "usage": {"input": 5},
        }]}));
        let usage = Usage { input: 5, ..Usage::default() };
        let expected = LlmError { kind, message: "no".to_owned(), usage, another_model_helps: true };
        assert_eq!(ask(&model, "x").await, Err(expected));
    }
}

#[tokio::test]
async fn answers_have_parts_usage_and_a_reason() {
    let call = json!({"type": "tool_call", "id": "c1", "name": "now", "arguments": {"zone": "UTC"}});
    let model = scripted(json!({"turns": [
        {"reasoning": "hmm", "parts": [call]},
        {"text": "cut", "finish": "length", "usage": {"input": 7, "output": 3, "cached": 2}},
    ]}));
    let ctx = LlmContext::default();
    let response = model.complete(&ctx, Request::prompt("m", "abcd")).await.unwrap();
    let parts: Vec<Part> =
        vec![Part::Reasoning { text: "hmm".to_owned() }, serde_json::from_value(call.clone()).unwrap()];
    assert_eq!(response.message, Message { role: Role::Assistant, parts });
    assert_eq!(response.finish, FinishReason::ToolCalls);
    assert_eq!(response.usage, Usage { input: 1, output: 1 + 1 + 4, reasoning: 1, ..Usage::default() });
    let response = model.complete(&ctx, Request::prompt("m", "abcd")).await.unwrap();
    assert_eq!(response.finish, FinishReason::Length);
    assert_eq!(response.usage, Usage { input: 7, output: 3, cached: 2, ..Usage::default() });
}

#[tokio::test(start_paused = true)]
async fn a_stream_delivers_its_pieces_with_pauses_and_then_its_end() {
    let model = scripted(json!({"turns": [
        {"delay_ms": 1000, "chunk_delay_ms": 10, "reasoning": "let me", "chunks": ["a", "bc"]},
        {"text": "half of", "error": {"kind": "truncated"}},
    ]}));
    let ctx = LlmContext::default();
    let start = tokio::time::Instant::now();
    let chunks: Vec<_> = model.stream(&ctx, Request::prompt("m", "x")).await.unwrap().collect().await;
    assert_eq!(start.elapsed(), Duration::from_millis(1000 + 5 * 10));
    let reasoning = |delta: &str| Ok(Chunk::Reasoning { delta: delta.to_owned() });
    let text = |delta: &str| Ok(Chunk::Text { delta: delta.to_owned() });
    assert_eq!(chunks[..4], [reasoning("let "), reasoning("me"), text("a"), text("bc")]);
    assert!(
        matches!(&chunks[4..], [Ok(Chunk::Done { response })] if response.message.joined_text() == "abc")
    );

    let chunks: Vec<_> = model.stream(&ctx, Request::prompt("m", "x")).await.unwrap().collect().await;
    assert_eq!(chunks[..2], [text("half "), text("of")]);
    assert!(matches!(&chunks[2..], [Err(LlmError { kind: LlmErrorKind::Truncated, .. })]));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_the_wait() {
    let model = scripted(json!({"turns": [
        {"delay_ms": 3_600_000, "text": "late"},
        {"chunk_delay_ms": 3_600_000, "text": "late"},
    ]}));
    let ctx = LlmContext::default();
    let start = tokio::time::Instant::now();
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ctx.cancel.cancel();
    };
    let (result, ()) = tokio::join!(model.complete(&ctx, Request::prompt("m", "x")), cancel);
    assert_eq!(result.unwrap_err().kind, LlmErrorKind::Cancelled);
    assert_eq!(start.elapsed(), Duration::from_secs(1));

    let ctx = LlmContext::default();
    let mut stream = model.stream(&ctx, Request::prompt("m", "x")).await.unwrap();
    ctx.cancel.cancel();
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind, LlmErrorKind::Cancelled);
    assert_eq!(stream.next().await, None);
}

#[test]
fn a_script_is_data_with_a_schema() {
    let script = Script {
        turns: vec![
            Turn::text("a").when_contains("b").always(),
            Turn::failure(super::super::FailureKind::Quota, "no more"),
        ],
        ..Script::texts::<String>([])
    };
    let json = serde_json::to_value(&script).unwrap();
    assert_eq!(serde_json::from_value::<Script>(json.clone()).unwrap(), script);
    let validator = crate::schema::Validator::compile(&crate::schema::of_input::<Script>()).unwrap();
    assert_eq!(validator.validate(&Value::from(json)), Ok(()));
    for bad in [json!({"turn": []}), json!({"turns": [{"txt": "a"}]}), json!({"turns": [{"times": "never"}]})]
    {
        assert!(validator.validate(&Value::from(bad.clone())).is_err(), "{bad}");
        assert!(serde_json::from_value::<Script>(bad).is_err());
    }
}

#[test]
fn an_estimate_covers_the_longest_answer() {
    let model = scripted(json!({"turns": [{"text": "abcdefgh"}, {"text": "a", "usage": {"output": 9}}]}));
    let mut request = Request::prompt("m", "abcd");
    assert_eq!(model.estimate(&request), Estimate { input_tokens: 1, max_output_tokens: 9 });
    request.max_tokens = Some(3);
    assert_eq!(model.estimate(&request), Estimate { input_tokens: 1, max_output_tokens: 3 });
}
