//! What goes wrong: errors as each vendor words them, streams that break, stall or are no streams, and callers who leave.

use std::time::Duration;

use ice_core::llm::{LlmContext, LlmErrorKind, LlmProvider, Request, Usage};
use ice_integrations::llm::Protocol;
use serde_json::{Value as Json, json};

use super::server::{Piece, Reply, Server};
use super::wire::{Said, content_type, frames};
use super::{KEY, heard, vendor};

/// The body of an error as the vendor words it.
fn body(protocol: Protocol, status: u16, kind: &str, message: &str) -> Json {
    match protocol {
        Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::DeepSeek => {
            json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": kind}})
        }
        Protocol::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
        Protocol::Gemini => json!([{"error": {"code": status, "message": message, "status": kind}}]),
        Protocol::Ollama => json!({"error": message}),
    }
}

async fn check(protocol: Protocol, reply: Reply, kind: LlmErrorKind, told: &str, another_model_helps: bool) {
    let server = Server::start(vec![reply]).await;
    let model = vendor(protocol, &server);
    let (text, _, end) = heard(&model, &LlmContext::default(), Request::prompt("m", "a secret prompt")).await;
    let error = end.unwrap_err();
    assert_eq!((text.as_str(), &error.kind), ("", &kind), "{protocol:?}: {error}");
    assert_eq!(error.message, format!("`{}` {told}", protocol.as_str()));
    assert_eq!((error.usage, error.another_model_helps), (Usage::default(), another_model_helps), "{error}");
    assert!(!error.message.contains(KEY) && !error.message.contains("secret prompt"), "{error}");
}

#[tokio::test]
async fn errors_are_told_apart_by_what_can_be_done() {
    use LlmErrorKind::{Auth, ContextTooLong, InvalidRequest, Quota};
    let busy = |retry_after| LlmErrorKind::Transient { retry_after };
    for protocol in Protocol::ALL {
        let reply =
            |status, kind: &str, message: &str| Reply::json(status, &body(protocol, status, kind, message));
        check(
            protocol,
            reply(401, "authentication_error", "Bad key."),
            Auth,
            "answered (401): Bad key.",
            true,
        )
        .await;
        check(
            protocol,
            reply(403, "permission_error", "Not yours."),
            Auth,
            "answered (403): Not yours.",
            true,
        )
        .await;
        check(
            protocol,
            reply(400, "bad", "No such field."),
            InvalidRequest,
            "answered (400): No such field.",
            false,
        )
        .await;
        check(
            protocol,
            reply(404, "gone", "No such model."),
            InvalidRequest,
            "answered (404): No such model.",
            true,
        )
        .await;
        check(protocol, reply(500, "api_error", "Oh."), busy(None), "answered (500): Oh.", true).await;
        check(protocol, reply(529, "overloaded_error", "Full."), busy(None), "answered (529): Full.", true)
            .await;
        check(protocol, reply(402, "bad", "No money."), Quota, "answered (402): No money.", true).await;
        let long = "This model's maximum context length is 9 tokens.";
        let told = format!("answered (400): {long}");
        check(protocol, reply(400, "context_length_exceeded", long), ContextTooLong, &told, true).await;
        let asked = reply(429, "rate_limit_error", "Slow.").header("retry-after", "7");
        let wait = busy(Some(Duration::from_secs(7)));
        check(protocol, asked, wait, "answered (429): Slow.", true).await;
        let asked = reply(503, "api_error", "Wait.").header("retry-after-ms", "1500");
        let wait = busy(Some(Duration::from_millis(1_500)));
        check(protocol, asked, wait, "answered (503): Wait.", true).await;
        // A date that has passed asks for nothing.
        let asked =
            reply(429, "rate_limit_error", "Slow.").header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
        check(protocol, asked, busy(Some(Duration::ZERO)), "answered (429): Slow.", true).await;
        let page = Reply::of(502, "text/html", vec![Piece::Bytes("<html>\n<b>Bad gateway</b>".to_owned())]);
        check(protocol, page, busy(None), "answered (502): <html>", true).await;
    }
}

#[tokio::test]
async fn vendors_have_words_of_their_own() {
    use LlmErrorKind::{ContextTooLong, Quota};
    let busy = |retry_after| LlmErrorKind::Transient { retry_after };
    // Some say `server_error` of everything, and mean the request.
    let vague = json!({"error": {"message": "No such field.", "type": "server_error"}});
    let told = "answered (400): No such field.";
    check(Protocol::OpenAi, Reply::json(400, &vague), LlmErrorKind::InvalidRequest, told, false).await;
    let openai = json!({"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota",
        "code": "insufficient_quota"}});
    let told = "answered (429): You exceeded your current quota.";
    check(Protocol::OpenAi, Reply::json(429, &openai), Quota, told, true).await;
    let anthropic = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "prompt is too long: 210000 tokens > 200000 maximum"}});
    let told = "answered (400): prompt is too long: 210000 tokens > 200000 maximum";
    check(Protocol::Anthropic, Reply::json(400, &anthropic), ContextTooLong, told, true).await;
    let gemini = json!({"error": {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}]}});
    let wait = busy(Some(Duration::from_secs(13)));
    check(Protocol::Gemini, Reply::json(429, &gemini), wait, "answered (429): Quota.", true).await;
}

/// The frames of an answer up to its first piece of text.
fn beginning(protocol: Protocol) -> Vec<Piece> {
    let said = Said { text: vec!["Once upon", " a time"], ..Said::default() };
    let frames = frames(protocol, &said);
    let text = frames.iter().position(|frame| frame.contains("Once upon")).unwrap();
    frames[..=text].iter().cloned().map(Piece::Bytes).collect()
}

#[tokio::test]
async fn a_cut_stream_is_an_error_and_never_a_short_answer() {
    for protocol in Protocol::ALL {
        for clean in [true, false] {
            let mut pieces = beginning(protocol);
            if !clean {
                pieces.push(Piece::Cut);
            }
            let server = Server::start(vec![Reply::of(200, content_type(protocol), pieces)]).await;
            let model = vendor(protocol, &server);
            let (text, _, end) = heard(&model, &LlmContext::default(), Request::prompt("m", "x")).await;
            let error = end.unwrap_err();
            assert_eq!(
                (text.as_str(), &error.kind),
                ("Once upon", &LlmErrorKind::Truncated),
                "{protocol:?} {error}"
            );
            // What was heard is paid for, whether the vendor says so or not.
            assert!(error.usage.input > 0 && error.usage.output > 0, "{protocol:?} {clean}: {error:?}");
            assert!(error.another_model_helps && error.is_retryable(), "{protocol:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_part_of_an_answer_makes_it_none() {
    let said = Said { text: vec!["Once upon", " a time"], ..Said::default() };
    for protocol in Protocol::ALL {
        let mut pieces = beginning(protocol);
        let rest: Vec<Piece> =
            frames(protocol, &said).into_iter().skip(pieces.len()).map(Piece::Bytes).collect();
        pieces.push(Piece::Bytes(match protocol {
            Protocol::Ollama => "{\"model\": \n".to_owned(),
            Protocol::Anthropic => "event: content_block_delta\ndata: {\"type\": \n\n".to_owned(),
            Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::DeepSeek | Protocol::Gemini => {
                "data: {\"choices\": [\n\n".to_owned()
            }
        }));
        // What comes after it would make a whole answer.
        pieces.extend(rest);
        let server = Server::start(vec![Reply::of(200, content_type(protocol), pieces)]).await;
        let model = vendor(protocol, &server);
        let (text, _, end) = heard(&model, &LlmContext::default(), Request::prompt("m", "x")).await;
        let Err(error) = end else { panic!("{protocol:?}: {end:?}") };
        assert_eq!(error.kind, LlmErrorKind::Truncated, "{protocol:?} {error}");
        assert!(text == "Once upon" && error.usage.input > 0, "{protocol:?} {text:?} {error:?}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_is_what_it_says() {
    let cases = [
        (
            Protocol::OpenAi,
            "data: {\"error\": {\"message\": \"Overheated.\", \"type\": \"server_error\"}}\n\n",
        ),
        (
            Protocol::Anthropic,
            "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overheated.\"}}\n\n",
        ),
        (
            Protocol::OpenAiResponses,
            "event: error\ndata: {\"type\": \"error\", \"code\": \"server_error\", \"message\": \"Overheated.\"}\n\n",
        ),
    ];
    for (protocol, frame) in cases {
        let mut pieces = beginning(protocol);
        pieces.push(Piece::Bytes(frame.to_owned()));
        let server = Server::start(vec![Reply::of(200, content_type(protocol), pieces)]).await;
        let model = vendor(protocol, &server);
        let (text, _, end) = heard(&model, &LlmContext::default(), Request::prompt("m", "x")).await;
        let error = end.unwrap_err();
        assert_eq!(error.kind, LlmErrorKind::Transient { retry_after: None }, "{protocol:?}: {error}");
        assert!(error.message.ends_with("Overheated.") && text == "Once upon", "{error}");
    }
}

#[tokio::test]
async fn who_leaves_closes_the_connection() {
    for protocol in Protocol::ALL {
        let mut pieces = beginning(protocol);
        pieces.push(Piece::Stall);
        let server = Server::start(vec![Reply::of(200, content_type(protocol), pieces)]).await;
        let model = vendor(protocol, &server);
        let ctx = LlmContext::default();
        let mut chunks = model.stream(&ctx, Request::prompt("m", "x")).await.unwrap();
        let first = futures::StreamExt::next(&mut chunks).await.unwrap().unwrap();
        assert!(matches!(first, ice_core::llm::Chunk::Text { .. }), "{protocol:?}: {first:?}");
        ctx.cancel.cancel();
        let error = futures::StreamExt::next(&mut chunks).await.unwrap().unwrap_err();
        assert_eq!(error.kind, LlmErrorKind::Cancelled);
        assert!(error.usage.input > 0, "{protocol:?}: {error:?}");
        server.left().await;
        assert!(futures::StreamExt::next(&mut chunks).await.is_none());

        // Dropping the stream does the same.
        let mut pieces = beginning(protocol);
        pieces.push(Piece::Stall);
        let server = Server::start(vec![Reply::of(200, content_type(protocol), pieces)]).await;
        let mut chunks = vendor(protocol, &server)
            .stream(&LlmContext::default(), Request::prompt("m", "x"))
            .await
            .unwrap();
        futures::StreamExt::next(&mut chunks).await.unwrap().unwrap();
        drop(chunks);
        server.left().await;
    }
}

#[tokio::test]
async fn nobody_there_is_a_passing_failure() {
    let server = Server::start(Vec::new()).await;
    let port = server.port();
    let model = vendor(Protocol::OpenAi, &server);
    drop(server);
    let (_, _, end) = heard(&model, &LlmContext::default(), Request::prompt("m", "x")).await;
    let error = end.unwrap_err();
    assert_eq!(error.kind, LlmErrorKind::Transient { retry_after: None }, "{error}");
    assert!(!error.message.contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn a_key_that_a_server_repeats_is_not_told() {
    let message = format!("Incorrect API key provided: {KEY}. Mind it.");
    let reply = Reply::json(401, &json!({"error": {"message": message, "type": "invalid_request_error"}}));
    check(
        Protocol::OpenAi,
        reply,
        LlmErrorKind::Auth,
        "answered (401): Incorrect API key provided: [key]. Mind it.",
        true,
    )
    .await;
}
