//! Servers that mean no good, or cannot help it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ice_core::error::ErrorCode;
use ice_core::tools::Started;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::kit::{
    Era, Heard, Pipes, Then, answer, asks, complete, context, refusal, scripted, server, tool, tools, until,
    usual, value,
};
use crate::mcp::Error;

async fn refused(pipes: &Arc<Pipes>, more: &str) -> Error {
    let server = server(pipes, more);
    let error = server.tools(&CancellationToken::new()).await.unwrap_err();
    assert_eq!((error.code(), error.started()), (ErrorCode::McpUnavailable, Started::NotStarted));
    server.close().await;
    until(|| pipes.running.load(Ordering::SeqCst) == 0).await;
    error
}

/// What is told of a server that does this with its first message.
async fn first(then: impl Fn() -> Then + Send + Sync + 'static, more: &str) -> String {
    let pipes = scripted(&Heard::default(), move |_| then());
    refused(&pipes, more).await.to_string()
}

#[tokio::test]
async fn an_endless_line_ends_the_server_and_not_this_process() {
    let told = first(|| Then::Flood(&[b'x'; 4096]), "message: 64KiB\n").await;
    assert_eq!(
        told,
        "the MCP server `s` cannot be reached: it sent a message of more than 64KiB: raise `message` in its manifest if that is meant"
    );
}

#[tokio::test]
async fn an_endless_line_in_the_middle_of_a_call_leaves_its_outcome_open() {
    let pipes = scripted(
        &Heard::default(),
        usual(Era::Modern, |message| asks(message, "tools/call").then_some(Then::Flood(&[b'x'; 4096]))),
    );
    let server = server(&pipes, "message: 64KiB\n");
    let error = tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::ToolFailed, Started::Unknown));
    assert!(error.message.contains("a message of more than 64KiB"), "{error}");
}

#[tokio::test]
async fn a_server_that_dies_is_named_with_how_it_died() {
    let told = first(|| Then::Exit(3), "").await;
    assert_eq!(
        told,
        "the MCP server `s` cannot be reached: it ended with exit code 3; it said last: last words"
    );
}

#[tokio::test]
async fn what_is_no_json_is_passed_over_until_the_time_is_up() {
    let told = first(|| Then::Say(vec!["hello?".to_owned(), "{".to_owned()]), "start: 50ms\n").await;
    assert!(told.contains("did not say what it offers in time: raise `start`"), "{told}");
}

#[tokio::test]
async fn answers_to_what_was_never_asked_are_none() {
    let wrong = |message: &serde_json::Value| {
        let mut other = message.clone();
        other["id"] = json!(999);
        Then::Say(vec![answer(
            &other,
            complete(json!({"supportedVersions": ["2026-07-28"], "capabilities": {}})),
        )])
    };
    let pipes = scripted(&Heard::default(), wrong);
    let told = refused(&pipes, "").await.to_string();
    assert!(told.contains("its first words are not those of an MCP server"), "{told}");

    let pipes = scripted(
        &Heard::default(),
        usual(Era::Modern, move |message| asks(message, "tools/call").then(|| wrong(message))),
    );
    let server = server(&pipes, "idle: 50ms\n");
    let error = tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap_err();
    assert!(error.message.contains("said nothing for longer than 50ms: raise `idle`"), "{error}");
    assert_eq!(error.started, Started::Unknown);
    // One that says nothing any more is ended.
    until(|| pipes.running.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn lists_have_a_bound() {
    let page = |next: fn(usize) -> String, names: fn(usize) -> Vec<String>| {
        let pages = AtomicUsize::new(0);
        scripted(
            &Heard::default(),
            usual(Era::Modern, move |message| {
                asks(message, "tools/list").then(|| {
                    let number = pages.fetch_add(1, Ordering::SeqCst);
                    let names = names(number);
                    let mut result = tools(&names.iter().map(String::as_str).collect::<Vec<_>>());
                    result["nextCursor"] = json!(next(number));
                    Then::Say(vec![answer(message, result)])
                })
            }),
        )
    };
    let endless = page(|number| number.to_string(), |_| Vec::new());
    let told = refused(&endless, "").await.to_string();
    assert!(told.ends_with("its list of tools has more than 100 pages"), "{told}");
    let round = page(|_| "a".to_owned(), |_| Vec::new());
    let told = refused(&round, "").await.to_string();
    assert!(told.ends_with("its list of tools leads back to where it was"), "{told}");
    let many =
        page(|number| number.to_string(), |number| (0..200).map(|n| format!("t{number}_{n}")).collect());
    let told = refused(&many, "").await.to_string();
    assert!(told.ends_with("it has more than 1000 tools"), "{told}");
    let twice = page(|number| number.to_string(), |_| vec!["same".to_owned()]);
    let told = refused(&twice, "").await.to_string();
    assert!(told.ends_with("two of its tools are called `same`"), "{told}");
}

#[tokio::test]
async fn schemas_that_are_too_much_or_none_leave_their_tool_out() {
    let huge: String = "x".repeat(300 << 10);
    let listed = complete(json!({"tools": [
        {"name": "good", "inputSchema": {"type": "object"}},
        {"name": "huge", "inputSchema": {"type": "object", "description": huge}},
        {"name": "odd", "inputSchema": {"type": "object", "properties": {"a": {"type": 3}}}},
        {"name": "far", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://example.org/schema"}}}},
    ]}));
    let pipes = scripted(
        &Heard::default(),
        usual(Era::Modern, move |message| {
            asks(message, "tools/list").then(|| Then::Say(vec![answer(message, listed.clone())]))
        }),
    );
    let tools = server(&pipes, "").tools(&CancellationToken::new()).await.unwrap();
    let names: Vec<&str> = tools.tools.iter().map(|tool| tool.spec().name.as_str()).collect();
    assert_eq!(names, ["s.good"]);
    let left_out: Vec<&str> = tools.left_out.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left_out, ["huge", "odd", "far"]);
}

#[tokio::test]
async fn a_server_that_asks_without_reading_answers_is_ended() {
    let ask = |number: usize| json!({"jsonrpc": "2.0", "id": number, "method": "ping"}).to_string();
    let pipes = Pipes::new(move |input, mut output| async move {
        let _unread = input;
        for number in 0..1_000_000 {
            let line = format!("{}\n", ask(number));
            if tokio::io::AsyncWriteExt::write_all(&mut output, line.as_bytes()).await.is_err() {
                return 0;
            }
        }
        0
    });
    let told = refused(&pipes, "start: 2s\n").await.to_string();
    assert!(told.contains("without waiting for answers") || told.contains("in time"), "{told}");
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_is_started_again_as_often_as_it_may() {
    let pipes = scripted(
        &Heard::default(),
        usual(Era::Legacy, |message| asks(message, "tools/call").then_some(Then::Exit(7))),
    );
    let server = server(&pipes, "restarts: 2\n");
    let tool = tool(&server, "s.go").await;
    for times in 1..=3 {
        let error = tool.call(&context(), value(json!({}))).await.unwrap_err();
        assert_eq!((error.started, error.retryable), (Started::Unknown, true), "{error}");
        assert!(error.message.contains("it ended with exit code 7; it said last: last words"), "{error}");
        assert_eq!(pipes.starts(), times);
    }
    let error = tool.call(&context(), value(json!({}))).await.unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::McpUnavailable, Started::NotStarted));
    assert!(error.message.contains("has ended 3 times within 10min"), "{error}");
    assert_eq!(pipes.starts(), 3);
}

#[tokio::test]
async fn a_server_that_refuses_to_begin_is_told_in_its_own_words() {
    let pipes = scripted(&Heard::default(), |message| match message.get("id") {
        Some(_) => Then::Say(vec![refusal(message, -32000, "not today\u{1b}[31m")]),
        None => Then::Say(Vec::new()),
    });
    let told = refused(&pipes, "").await.to_string();
    assert_eq!(
        told,
        "what the MCP server `s` offers cannot be used: it refused to begin: not today (error -32000)"
    );
}
