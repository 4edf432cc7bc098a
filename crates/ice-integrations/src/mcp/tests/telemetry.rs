//! The spans of requests.

use std::sync::Arc;

use ice_core::process::ProcessHost;
use ice_core::time::{Moment, TestClock};
use serde_json::json;

use super::kit::{
    Era, Heard, Then, answer, asks, complete, context, manifest, refusal, scripted, tool, usual, value,
};
use crate::mcp::{Outside, Server, TraceContext, Traces};
use crate::seen::Seen;

/// Says which span is entered.
#[derive(Debug)]
struct Entered;

impl Traces for Entered {
    fn current(&self) -> Option<TraceContext> {
        let entered = tracing::Span::current().metadata()?.name();
        Some(TraceContext { traceparent: format!("00-{entered}-01"), tracestate: None })
    }
}

#[tokio::test]
async fn a_request_is_a_span_and_goes_out_with_it() {
    for (era, version) in [(Era::Modern, "2026-07-28"), (Era::Legacy, "2025-06-18")] {
        let (seen, guard) = Seen::begin();
        let heard = Heard::default();
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let pipes = scripted(
            &heard,
            usual(era, move |message| {
                asks(message, "tools/call").then(|| {
                    let first = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
                    let said = if first {
                        answer(message, complete(json!({"content": []})))
                    } else {
                        refusal(message, -32602, "no such thing")
                    };
                    Then::Say(vec![said])
                })
            }),
        );
        let processes: Arc<dyn ProcessHost> = pipes;
        let clock = Arc::new(TestClock::new(Moment::from_millis(0)));
        let traces: Arc<dyn Traces> = Arc::new(Entered);
        let outside =
            Outside { processes: Some(processes), traces: Some(traces), clock, ..Outside::default() };
        let server = Server::new(manifest(""), outside);
        let go = tool(&server, "s.go").await;
        go.call(&context(), value(json!({}))).await.unwrap();
        let span = seen.named("tools/call go");
        for (name, value) in [
            ("otel.kind", "client"),
            ("mcp.method.name", "tools/call"),
            ("mcp.protocol.version", version),
            ("gen_ai.tool.name", "go"),
            ("network.transport", "pipe"),
            ("ice.mcp.server", "s"),
        ] {
            assert_eq!(span.get(name).map(String::as_str), Some(value), "{era:?} {name}: {span:#?}");
        }
        assert!(span.contains_key("jsonrpc.request.id") && !span.contains_key("error.type"), "{span:#?}");
        assert_eq!(seen.named("server/discover")["mcp.protocol.version"], version);
        assert!(seen.named("tools/list").contains_key("jsonrpc.request.id"));
        {
            let heard = heard.lock().unwrap();
            let call = heard.iter().find(|message| asks(message, "tools/call")).unwrap();
            assert_eq!(call["params"]["_meta"]["traceparent"], "00-mcp-01", "{call}");
        }
        drop(guard);
        let (seen, _guard) = Seen::begin();
        go.call(&context(), value(json!({}))).await.unwrap_err();
        let span = seen.named("tools/call go");
        let fields = ["error.type", "otel.status_code", "rpc.response.status_code"];
        assert_eq!(fields.map(|name| span[name].as_str()), ["TOOL_FAILED", "error", "-32602"]);
        server.close().await;
    }
}
