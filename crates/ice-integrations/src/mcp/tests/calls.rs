//! Calls of tools: what is said, what comes of it, and how they are ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::process::{Home, Isolation, ProcessHost};
use ice_core::time::{Moment, TestClock};
use ice_core::tools::{Effect, Started, ToolError};
use serde_json::{Value as Json, json};

use super::kit::{
    Era, Heard, Pipes, Then, Told, answer, asks, complete, context, manifest, refusal, scripted, server,
    tool, until, usual, value,
};
use crate::mcp::{Answer, Outside, People, Question, Server, TraceContext, Traces};

/// A server whose tool `go` does this.
fn going(era: Era, heard: &Heard, go: impl Fn(&Json) -> Then + Send + Sync + 'static) -> Arc<Pipes> {
    scripted(heard, usual(era, move |message| asks(message, "tools/call").then(|| go(message))))
}

fn say(text: String) -> Then {
    Then::Say(vec![text])
}

async fn call(pipes: &Arc<Pipes>, more: &str) -> Result<Json, ToolError> {
    let server = server(pipes, more);
    let output = tool(&server, "s.go").await.call(&context(), value(json!({"n": 1}))).await;
    server.close().await;
    output.map(|output| Json::from(&output))
}

#[tokio::test]
async fn a_call_is_made_in_both_eras_and_its_answer_is_a_value() {
    for era in [Era::Modern, Era::Legacy] {
        let heard = Heard::default();
        let result = complete(json!({"content": [{"type": "text", "text": "done"}]}));
        let pipes = going(era, &heard, move |message| say(answer(message, result.clone())));
        assert_eq!(call(&pipes, "").await.unwrap(), json!({"text": "done"}), "{era:?}");
        let heard = heard.lock().unwrap();
        let called = heard.iter().find(|message| asks(message, "tools/call")).unwrap();
        assert_eq!(
            (&called["params"]["name"], &called["params"]["arguments"]),
            (&json!("go"), &json!({"n": 1}))
        );
        let version = &called["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        assert_eq!(version.as_str().is_some(), era == Era::Modern);
        assert_eq!(
            heard.iter().any(|message| asks(message, "notifications/initialized")),
            era == Era::Legacy
        );
        assert_eq!((pipes.starts(), pipes.running.load(std::sync::atomic::Ordering::SeqCst)), (1, 0));
    }
}

#[tokio::test]
async fn a_tool_is_irreversible_whatever_its_server_says() {
    let heard = Heard::default();
    let listed = complete(json!({"tools": [
        {"name": "go", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true, "idempotentHint": true}},
        {"name": "Stay-here", "inputSchema": {"type": "object"}},
    ]}));
    let pipes = scripted(
        &heard,
        usual(Era::Modern, move |message| {
            asks(message, "tools/list").then(|| say(answer(message, listed.clone())))
        }),
    );
    let server = server(&pipes, "tools: {Stay-here: {effect: pure}}\n");
    let (go, stay) = (tool(&server, "s.go").await, tool(&server, "s.stay_here").await);
    assert_eq!((go.spec().effect, stay.spec().effect), (Effect::Irreversible, Effect::Pure));
    assert_eq!(go.home(Isolation::Process), Home::Mcp);
    assert_eq!(go.spec().version.to_string(), "1.0.0");
}

#[tokio::test]
async fn refusals_did_nothing_and_failures_may_have() {
    let expected = [
        (-32601, ErrorCode::ToolFailed, Started::NotStarted, false),
        (-32602, ErrorCode::ToolFailed, Started::NotStarted, false),
        (-32603, ErrorCode::ToolFailed, Started::Unknown, true),
        (-1, ErrorCode::ToolFailed, Started::Unknown, true),
    ];
    for (code, number, started, retryable) in expected {
        let pipes = going(Era::Modern, &Heard::default(), move |message| say(refusal(message, code, "no")));
        let error = call(&pipes, "").await.unwrap_err();
        assert_eq!(
            (error.code, error.started, error.retryable),
            (number, started, retryable),
            "{code}: {error}"
        );
        assert!(error.message.contains(&format!("no (error {code})")), "{error}");
    }
    let result = complete(json!({"content": [{"type": "text", "text": "no such city"}], "isError": true}));
    let pipes = going(Era::Modern, &Heard::default(), move |message| say(answer(message, result.clone())));
    let error = call(&pipes, "").await.unwrap_err();
    assert_eq!((error.message.as_str(), error.started), ("`s.go` failed: no such city", Started::Unknown));
}

#[tokio::test]
async fn progress_goes_to_who_listens_as_long_as_it_rises() {
    let pipes = going(Era::Modern, &Heard::default(), |message| {
        let token = &message["params"]["_meta"]["progressToken"];
        let progress = |number: i64| {
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params":
                {"progressToken": token, "progress": number, "total": 3, "message": "on\u{1b}[2J"}})
            .to_string()
        };
        let result = complete(json!({"content": []}));
        Then::Say(vec![progress(1), progress(1), progress(2), answer(message, result)])
    });
    let server = server(&pipes, "");
    let tool = tool(&server, "s.go").await;
    let told = Arc::new(Told::default());
    let mut ctx = context();
    ctx.progress = Some(Arc::<Told>::clone(&told));
    tool.call(&ctx, value(json!({}))).await.unwrap();
    let told: Vec<Json> = told.0.lock().unwrap().iter().map(Json::from).collect();
    let step = |number: f64| json!({"progress": number, "total": 3.0, "message": "on"});
    // Each is handed on by a task of its own: one may come too late, none in the wrong order.
    assert!(
        told == [step(1.0), step(2.0)] || told == [step(1.0)] || told == [step(2.0)] || told.is_empty(),
        "{told:?}"
    );
}

#[derive(Debug)]
struct OneTrace;

impl Traces for OneTrace {
    fn current(&self) -> Option<TraceContext> {
        Some(TraceContext { traceparent: "00-a-b-01".to_owned(), tracestate: Some("v=1".to_owned()) })
    }
}

/// Says what they were asked, and answers so.
#[derive(Debug)]
struct Someone(Mutex<Vec<Question>>, Answer);

#[async_trait::async_trait]
impl People for Someone {
    async fn ask(&self, question: Question) -> Answer {
        self.0.lock().unwrap().push(question);
        self.1.clone()
    }
}

fn with(pipes: &Arc<Pipes>, outside: Outside) -> Server {
    let processes: Arc<dyn ProcessHost> = Arc::<Pipes>::clone(pipes);
    let clock = Arc::new(TestClock::new(Moment::from_millis(0)));
    Server::new(manifest(""), Outside { processes: Some(processes), clock, ..outside })
}

#[tokio::test]
async fn the_trace_of_a_call_goes_with_it() {
    let heard = Heard::default();
    let pipes = going(Era::Legacy, &heard, |message| say(answer(message, json!({"content": []}))));
    let server = with(&pipes, Outside { traces: Some(Arc::new(OneTrace)), ..Outside::default() });
    tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap();
    let heard = heard.lock().unwrap();
    let meta = &heard.iter().find(|message| asks(message, "tools/call")).unwrap()["params"]["_meta"];
    assert_eq!((&meta["traceparent"], &meta["tracestate"]), (&json!("00-a-b-01"), &json!("v=1")));
}

#[tokio::test]
async fn what_a_server_asks_for_in_a_call_is_answered_by_a_person_and_its_state_is_sent_back() {
    let heard = Heard::default();
    let pipes = going(Era::Modern, &heard, |message| {
        let given = &message["params"];
        let result = if given.get("inputResponses").is_some() {
            complete(
                json!({"content": [], "structuredContent": {"state": given["requestState"], "given": given["inputResponses"]}}),
            )
        } else {
            json!({"resultType": "input_required", "requestState": "opaque", "inputRequests": {"who": {
                "method": "elicitation/create", "params": {"mode": "form", "message": "Who?", "requestedSchema":
                    {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "default": 3}}}}}}})
        };
        say(answer(message, result))
    });
    let someone = Arc::new(Someone(Mutex::default(), Answer::Given(value(json!({"name": "Ada"})))));
    let people: Arc<dyn People> = Arc::<Someone>::clone(&someone);
    let server = with(&pipes, Outside { people: Some(people), ..Outside::default() });
    let output = tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap();
    let given = json!({"who": {"action": "accept", "content": {"name": "Ada", "age": 3}}});
    assert_eq!(Json::from(&output), json!({"state": "opaque", "given": given}));
    assert_eq!(someone.0.lock().unwrap()[0].message, "Who?");
    let first = heard.lock().unwrap()[0].clone();
    let declared = &first["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert!(declared["elicitation"].is_object(), "{declared}");

    // Nobody to ask: it is told so.
    let server = with(&pipes, Outside::default());
    let output = tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap();
    assert_eq!(Json::from(&output)["given"], json!({"who": {"action": "decline"}}));
}

#[tokio::test]
async fn a_server_that_is_never_content_is_left_after_some_rounds() {
    let pipes = going(Era::Modern, &Heard::default(), |message| {
        say(answer(message, json!({"resultType": "input_required", "requestState": "again"})))
    });
    let error = call(&pipes, "").await.unwrap_err();
    assert_eq!(error.message, "the MCP server `s` failed: it asked for something more 10 times");
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once_and_the_server_is_told() {
    let heard = Heard::default();
    let pipes = going(Era::Modern, &heard, |_| Then::Say(Vec::new()));
    let server = server(&pipes, "");
    let tool = tool(&server, "s.go").await;
    let ctx = context();
    ctx.cancel.cancel();
    assert_eq!(tool.call(&ctx, value(json!({}))).await, Err(ToolError::cancelled().not_started()));

    let ctx = context();
    let is_asked = |method: &str| heard.lock().unwrap().iter().any(|message| asks(message, method));
    let cancelling = async {
        until(|| is_asked("tools/call")).await;
        ctx.cancel.cancel();
    };
    let (called, ()) = tokio::join!(tool.call(&ctx, value(json!({}))), cancelling);
    assert_eq!(called, Err(ToolError::cancelled()));
    until(|| is_asked("notifications/cancelled")).await;
    let id = |method: &str, pointer: &str| {
        let heard = heard.lock().unwrap();
        heard.iter().find(|message| asks(message, method)).unwrap().pointer(pointer).cloned()
    };
    assert_eq!(id("notifications/cancelled", "/params/requestId"), id("tools/call", "/id"));
    // The server is still there for others.
    assert_eq!(pipes.starts(), 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_as_well() {
    let heard = Heard::default();
    let pipes = going(Era::Modern, &heard, |_| Then::Say(Vec::new()));
    let server = server(&pipes, "");
    let tool = tool(&server, "s.go").await;
    let is_asked = |method: &str| heard.lock().unwrap().iter().any(|message| asks(message, method));
    let ctx = context();
    tokio::select! {
        called = tool.call(&ctx, value(json!({}))) => panic!("{called:?}"),
        () = until(|| is_asked("tools/call")) => {}
    }
    until(|| is_asked("notifications/cancelled")).await;
}

#[tokio::test]
async fn a_call_that_is_cancelled_while_the_server_starts_was_not_begun() {
    let heard = Heard::default();
    let pipes = scripted(&heard, |_| Then::Say(Vec::new()));
    let server = server(&pipes, "start: 1h\n");
    let cancel = tokio_util::sync::CancellationToken::new();
    let cancelling = async {
        until(|| !heard.lock().unwrap().is_empty()).await;
        cancel.cancel();
    };
    let (offered, ()) = tokio::join!(server.offer(&cancel), cancelling);
    assert_eq!(offered.unwrap_err().started(), Started::NotStarted);
    // With the last of the server its program ends.
    drop(server);
    until(|| pipes.running.load(std::sync::atomic::Ordering::SeqCst) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_may_take_as_long_as_the_manifest_says_if_there_is_progress() {
    let heard = Heard::default();
    let pipes = Pipes::new(move |input, output| {
        let heard = Heard::clone(&heard);
        async move {
            let (mut input, mut output) = (tokio::io::BufReader::new(input), output);
            let script = usual(Era::Modern, |_| None);
            loop {
                let mut line = String::new();
                if tokio::io::AsyncBufReadExt::read_line(&mut input, &mut line).await.unwrap_or(0) == 0 {
                    return 0;
                }
                let message: Json = serde_json::from_str(&line).unwrap();
                heard.lock().unwrap().push(message.clone());
                let mut texts = Vec::new();
                if asks(&message, "tools/call") {
                    let token = &message["params"]["_meta"]["progressToken"];
                    for step in 0..100 {
                        tokio::time::sleep(Duration::from_secs(4)).await;
                        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": step}});
                        if tokio::io::AsyncWriteExt::write_all(
                            &mut output,
                            format!("{progress}\n").as_bytes(),
                        )
                        .await
                        .is_err()
                        {
                            return 0;
                        }
                    }
                } else if let Then::Say(said) = script(&message) {
                    texts = said;
                }
                for text in texts {
                    tokio::io::AsyncWriteExt::write_all(&mut output, format!("{text}\n").as_bytes())
                        .await
                        .unwrap();
                }
            }
        }
    });
    let error = call(&pipes, "idle: 5s\ntimeout: 30s\n").await.unwrap_err();
    assert_eq!(
        error.message,
        "the MCP server `s` took for longer than 30s: raise `timeout` in its manifest if that is meant"
    );
    assert_eq!((error.started, error.retryable), (Started::Unknown, true));
}
