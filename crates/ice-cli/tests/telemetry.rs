//! Traces and logs through the real binary: a sink on this machine, a refusing one, and one that says nothing.
#![cfg(feature = "otel")]

#[cfg(test)]
mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Desk, Given, given};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use serde_json::Value;

/// A request that a sink got: its head, and what it holds.
#[derive(Clone, Debug)]
struct Got {
    head: String,
    spans: Vec<ResourceSpans>,
}

/// Takes in traces.
struct Sink {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

#[cfg(test)]
impl Sink {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let into = Arc::clone(&into);
                std::thread::spawn(move || take(stream.unwrap(), &into));
            }
        });
        Self { port, got }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn spans(&self) -> Vec<Span> {
        let got = self.got.lock().unwrap().clone();
        let scopes = got.into_iter().flat_map(|got| got.spans).flat_map(|spans| spans.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// The only span of this name.
    fn span(&self, name: &str) -> Span {
        let all = self.spans();
        let names: Vec<&str> = all.iter().map(|span| span.name.as_str()).collect();
        let mut found = all.iter().filter(|span| span.name == name);
        let (Some(span), None) = (found.next(), found.next()) else { panic!("{name}: {names:?}") };
        span.clone()
    }
}

/// Reads the requests of a connection, and answers each.
#[cfg(test)]
fn take(mut stream: TcpStream, into: &Mutex<Vec<Got>>) {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|at| at == b"\r\n\r\n");
        let head = end.map(|end| String::from_utf8_lossy(&bytes[..end]).to_lowercase());
        let length = head.as_ref().map(|head| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            length.map_or(0, |length| length.trim().parse::<usize>().unwrap())
        });
        if let (Some(end), Some(head), Some(length)) = (end, head, length)
            && bytes.len() >= end + 4 + length
        {
            let rest = bytes.split_off(end + 4 + length);
            let body = bytes.split_off(end + 4);
            let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            into.lock().unwrap().push(Got { head, spans: request.resource_spans });
            bytes = rest;
            stream
                .write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
                )
                .unwrap();
            continue;
        }
        let mut part = [0; 4_096];
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
}

#[cfg(test)]
fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Any> {
    attributes.iter().find(|of| of.key == name)?.value.as_ref()?.value.as_ref()
}

#[cfg(test)]
fn text(span: &Span, name: &str) -> String {
    match attribute(&span.attributes, name) {
        Some(Any::StringValue(text)) => text.clone(),
        other => panic!("{name}: {other:?} in {span:#?}"),
    }
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const YAML: &str = "metadata: {name: greetings}
nodes:
- {id: ask, type: llm, provider: echo, model: e, prompt: 'say swordfish'}
- {id: sum, type: tool, tool_name: hash, tool_args: {text: '{{ ask.text }}'}, dependencies: [ask]}";

#[cfg(test)]
fn run(desk: &Desk, set: impl FnOnce(&mut Command)) -> Given {
    desk.write("a.yaml", YAML);
    let mut command = desk.command(["run", "a.yaml"]);
    set(&mut command);
    given(command.output().unwrap())
}

#[test]
fn a_sink_sees_the_spans_of_a_run_as_a_part_of_what_started_it() {
    let (desk, sink) = (Desk::new(), Sink::open());
    run(&desk, |command| {
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url())
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=cold")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
            .env("TRACEPARENT", PARENT)
            .env("TRACESTATE", "vendor=1");
    })
    .code(0);
    let command = sink.span("ice run");
    let workflow = sink.span("invoke_workflow greetings");
    let (ask, chat) = (sink.span("llm ask"), sink.span("chat e"));
    let tool = sink.span("execute_tool hash");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&command.parent_span_id), "b7ad6b7169203331");
    assert_eq!(command.trace_state, "vendor=1");
    for span in sink.spans() {
        assert_eq!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c", "{span:#?}");
    }
    assert_eq!(workflow.parent_span_id, command.span_id);
    assert_eq!(ask.parent_span_id, workflow.span_id);
    assert_eq!(chat.parent_span_id, ask.span_id);
    assert_eq!(tool.parent_span_id, sink.span("tool sum").span_id);
    assert_eq!((chat.kind, tool.kind), (3, 1), "client and internal");
    assert_eq!(text(&chat, "gen_ai.provider.name"), "echo");
    assert!(matches!(attribute(&chat.attributes, "gen_ai.usage.input_tokens"), Some(Any::IntValue(1..))));
    let Some(Any::ArrayValue(reasons)) = attribute(&chat.attributes, "gen_ai.response.finish_reasons") else {
        panic!("{chat:#?}")
    };
    assert_eq!(reasons.values[0].value, Some(Any::StringValue("stop".to_owned())));
    let exit = attribute(&command.attributes, "process.exit.code");
    assert_eq!(exit, Some(&Any::IntValue(0)), "{command:#?}");
    let got = sink.got.lock().unwrap();
    assert!(
        got[0].head.starts_with("post /v1/traces ") && got[0].head.contains("x-team: cold"),
        "{}",
        got[0].head
    );
    let resource = &got[0].spans[0].resource.as_ref().unwrap().attributes;
    let is = |name: &str, value: &str| attribute(resource, name) == Some(&Any::StringValue(value.to_owned()));
    assert!(is("service.name", "ice") && is("deployment.environment.name", "test"), "{resource:#?}");
    assert!(!format!("{got:?}").contains("swordfish"), "nobody asked for what is said");
}

#[test]
fn what_is_said_and_the_name_of_the_service_are_as_the_environment_has_them() {
    let (desk, sink) = (Desk::new(), Sink::open());
    run(&desk, |command| {
        command
            .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/here", sink.url()))
            .env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
            .env("OTEL_SERVICE_NAME", "nightly");
    })
    .code(0);
    let said: Value = serde_json::from_str(&text(&sink.span("chat e"), "gen_ai.input.messages")).unwrap();
    assert_eq!(said[0]["parts"][0]["content"], "say swordfish");
    assert!(text(&sink.span("execute_tool hash"), "gen_ai.tool.call.arguments").contains("swordfish"));
    assert!(sink.span("ice run").parent_span_id.is_empty());
    let got = sink.got.lock().unwrap();
    assert!(got[0].head.starts_with("post /here "), "{}", got[0].head);
    let resource = &got[0].spans[0].resource.as_ref().unwrap().attributes;
    assert_eq!(attribute(resource, "service.name"), Some(&Any::StringValue("nightly".to_owned())));
}

#[test]
fn a_sampler_that_wants_nothing_gets_nothing() {
    let (desk, sink) = (Desk::new(), Sink::open());
    let run = |name: &str, value: &str| {
        run(&desk, |command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url()).env(name, value);
        })
        .code(0)
    };
    run("OTEL_TRACES_SAMPLER", "always_off");
    run("OTEL_SDK_DISABLED", "true");
    run("TRACEPARENT", &PARENT.replace("-01", "-00"));
    assert!(sink.spans().is_empty(), "{:#?}", sink.spans());
    run("TRACEPARENT", "nonsense").says("TRACEPARENT is no trace context");
    assert!(!sink.spans().is_empty());
}

#[test]
fn spans_that_are_lost_are_counted() {
    let (desk, sink) = (Desk::new(), Sink::open());
    desk.write(
        "many.yaml",
        "metadata: {name: many}\nnodes: [{id: l, type: loop, items_source: '{{ range(30) }}', body: [
          {id: n, type: tool, tool_name: hash, tool_args: {text: 'n{{ item }}'}}]}]",
    );
    let run = |size: &str| {
        let mut command = desk.command(["run", "many.yaml"]);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url()).env("OTEL_BSP_MAX_QUEUE_SIZE", size);
        given(command.output().unwrap()).code(0)
    };
    let ran = run("1").says("more ended at a time than `OTEL_BSP_MAX_QUEUE_SIZE`");
    let told = ran.err.lines().find(|line| line.contains("spans are lost")).unwrap();
    let numbers: Vec<usize> =
        told.rsplit(';').next().unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [lost, ended] = numbers[..] else { panic!("{told}") };
    assert_eq!(sink.spans().len(), ended - lost, "{told}");
    assert!(lost > 0 && ended > 60, "{told}");
    let all = run("5000");
    assert!(!all.err.contains("lost"), "{}", all.err);
}

#[test]
fn an_endpoint_that_refuses_or_is_silent_holds_nobody_up() {
    let desk = Desk::new();
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for (address, most) in [(refusing, 3), (silent.local_addr().unwrap(), 8)] {
        let began = Instant::now();
        let ran = run(&desk, |command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://me:secret@{address}"));
        })
        .code(0)
        .says("not all traces could be sent to http://127.0.0.1:");
        assert_eq!(ran.err.matches("not all traces").count(), 1, "{}", ran.err);
        assert!(!ran.err.contains("secret"), "{}", ran.err);
        assert!(ran.out.contains("swordfish"), "{}", ran.out);
        assert!(began.elapsed() < Duration::from_secs(most), "{:?}", began.elapsed());
    }
    let wrong = |name: &str, value: &str| {
        run(&desk, |command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9").env(name, value);
        })
        .code(0)
    };
    wrong("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").says("only `http/protobuf` is spoken here");
    for endpoint in [
        "not a url s3cr3t",
        "http://me:s3cr3t@host:4318/a b",
        "http://host:4318/v1/traces?key=s3cr3t x",
        "http://me:s3c/s3cr3t@host",
        "me:s3cr3t@host",
    ] {
        let ran =
            wrong("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint).says("no traces are sent: what OTEL_");
        assert!(!ran.err.contains("s3c"), "{}", ran.err);
    }
}

/// A server that gives what came with a call.
#[cfg(feature = "mcp")]
const SERVER: &str = r#"
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": [{"name": "meta", "description": "Gives it.", "inputSchema": {"type": "object"}}]}
    elif method == "tools/call":
        result = {"content": [], "structuredContent": {"meta": message["params"].get("_meta")}}
    elif id is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "what?"}}), flush=True)
        continue
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}), flush=True)
"#;

#[test]
#[cfg(all(target_os = "linux", feature = "mcp"))]
fn an_mcp_server_is_told_of_the_span_of_its_request() {
    let (desk, sink) = (Desk::new(), Sink::open());
    desk.write("tools/server.py", SERVER);
    desk.write(
        "tools/probe.yaml",
        "kind: mcp_server\nname: probe\ncommand: [python3, ./server.py]\nprofile: python\n",
    );
    desk.write("m.yaml", "metadata: {name: w}\nnodes: [{id: n, type: tool, tool_name: probe.meta}]");
    let mut command = desk.command(["run", "m.yaml", "--tools", "tools", "--json"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url()).env("TRACEPARENT", PARENT);
    let ran = given(command.output().unwrap()).code(0).json();
    let call = sink.span("tools/call meta");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(
        ran["output"]["n"]["meta"]["traceparent"],
        format!("00-{}-{}-01", hex(&call.trace_id), hex(&call.span_id))
    );
    assert_eq!(hex(&call.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(call.parent_span_id, sink.span("execute_tool probe.meta").span_id);
    assert_eq!(text(&sink.span("execute_tool probe.meta"), "gen_ai.tool.type"), "extension");
    let fields = ["mcp.method.name", "network.transport", "mcp.protocol.version", "ice.mcp.server"];
    assert_eq!(fields.map(|name| text(&call, name)), ["tools/call", "pipe", "2025-06-18", "probe"]);
    assert!(attribute(&call.attributes, "jsonrpc.request.id").is_some(), "{call:#?}");
    // Ids for logs are of a trace that is sent nowhere: nobody is told of that.
    let mut command = desk.command(["run", "m.yaml", "--tools", "tools", "--json"]);
    let quiet = given(command.env("ICE_LOG", "json").output().unwrap()).code(0).json();
    assert!(!quiet["output"]["n"].to_string().contains("traceparent"), "{quiet}");
    // What is asked before the run is a part of the command. No span waits for the connection, which outlives it.
    let root = sink.span("ice run");
    assert_eq!(hex(&root.parent_span_id), "b7ad6b7169203331");
    for asked in ["server/discover", "tools/list"] {
        assert_eq!(sink.span(asked).parent_span_id, root.span_id, "{asked}");
    }
}

#[test]
fn logs_as_json_have_the_ids_of_traces() {
    let desk = Desk::new();
    let ran = run(&desk, |command| {
        command.env("ICE_LOG", "json").env("TRACEPARENT", PARENT);
    })
    .code(0);
    let lines: Vec<Value> = ran.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ended =
        lines.iter().find(|line| line["message"] == "run ended").unwrap_or_else(|| panic!("{ran:#?}"));
    assert_eq!(ended["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(ended["span_id"].as_str().map(str::len), Some(16), "{ended}");
    assert_eq!((&ended["level"], &ended["status"]), (&Value::from("INFO"), &Value::from("succeeded")));
    let plain = run(&desk, |command| {
        command.env("ICE_LOG", "info");
    })
    .code(0);
    let line = plain.err.lines().find(|line| line.contains("run ended")).unwrap();
    assert!(!line.contains("invoke_workflow"), "{line}");
}
