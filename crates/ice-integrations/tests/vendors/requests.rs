//! What is sent: keys, names of tools, settings, schemas, pictures; and where to.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::llm::{
    BlobSource, LlmContext, LlmErrorKind, LlmProvider, Message, Part, Request, Role, ToolDefinition,
};
use ice_core::process::Grants;
use ice_core::value::{BlobHash, BlobRef, Value};
use ice_integrations::llm::prices::PriceTable;
use ice_integrations::llm::{Protocol, ProviderSettings, Vendor};
use serde_json::json;

use super::server::{Asked, Server};
use super::wire::{Said, reply};
use super::{KEY, OneKey, vendor};

async fn sent(protocol: Protocol, request: Request, ctx: &LlmContext) -> Asked {
    let server = Server::start(vec![reply(protocol, &Said { text: vec!["ok"], ..Said::default() })]).await;
    vendor(protocol, &server).complete(ctx, request).await.unwrap();
    server.asked().pop().unwrap()
}

#[tokio::test]
async fn the_key_goes_where_the_vendor_wants_it_and_nowhere_else() {
    for protocol in Protocol::ALL {
        let asked = sent(protocol, Request::prompt("m1", "x"), &LlmContext::default()).await;
        let (line, target) = match protocol {
            Protocol::OpenAi | Protocol::DeepSeek => {
                (format!("authorization: bearer {KEY}"), "/v1/chat/completions")
            }
            Protocol::OpenAiResponses => (format!("authorization: bearer {KEY}"), "/v1/responses"),
            Protocol::Anthropic => (format!("x-api-key: {KEY}"), "/v1/messages"),
            Protocol::Gemini => {
                (format!("x-goog-api-key: {KEY}"), "/v1/models/m1:streamGenerateContent?alt=sse")
            }
            Protocol::Ollama => (format!("authorization: bearer {KEY}"), "/v1/api/chat"),
        };
        assert_eq!(asked.target, format!("POST {target} HTTP/1.1"), "{protocol:?}");
        assert!(asked.headers.lines().any(|header| header == line), "{protocol:?}: {}", asked.headers);
        assert_eq!(asked.headers.matches(KEY).count(), 1, "{protocol:?}");
        assert!(!asked.target.contains(KEY) && !asked.body.to_string().contains(KEY), "{protocol:?}");
    }
}

#[tokio::test]
async fn settings_are_sent_under_the_names_the_vendor_knows() {
    let extra = Value::from(json!({"seed": 7, "top_k": 5}));
    let request = Request {
        temperature: Some(0.25),
        max_tokens: Some(99),
        top_p: Some(0.5),
        stop: vec!["END".to_owned()],
        extra,
        ..Request::prompt("m", "x")
    };
    for protocol in Protocol::ALL {
        let body = sent(protocol, request.clone(), &LlmContext::default()).await.body;
        let places: &[(&str, serde_json::Value)] = match protocol {
            Protocol::OpenAi | Protocol::DeepSeek => &[
                ("/temperature", json!(0.25)),
                ("/max_tokens", json!(99)),
                ("/top_p", json!(0.5)),
                ("/stop", json!(["END"])),
                ("/seed", json!(7)),
                ("/top_k", json!(5)),
                ("/stream", json!(true)),
                ("/stream_options/include_usage", json!(true)),
            ],
            Protocol::OpenAiResponses => &[
                ("/temperature", json!(0.25)),
                ("/max_output_tokens", json!(99)),
                ("/top_p", json!(0.5)),
                ("/top_k", json!(5)),
                ("/store", json!(false)),
            ],
            Protocol::Anthropic => &[
                ("/temperature", json!(0.25)),
                ("/max_tokens", json!(99)),
                ("/top_p", json!(0.5)),
                ("/stop_sequences", json!(["END"])),
                ("/top_k", json!(5)),
            ],
            Protocol::Gemini => &[
                ("/generationConfig/temperature", json!(0.25)),
                ("/generationConfig/maxOutputTokens", json!(99)),
                ("/generationConfig/topP", json!(0.5)),
                ("/generationConfig/stopSequences", json!(["END"])),
                ("/generationConfig/seed", json!(7)),
            ],
            Protocol::Ollama => &[
                ("/options/temperature", json!(0.25)),
                ("/options/num_predict", json!(99)),
                ("/options/top_p", json!(0.5)),
                ("/options/stop", json!(["END"])),
                ("/options/seed", json!(7)),
            ],
        };
        for (place, expected) in places {
            assert_eq!(body.pointer(place), Some(expected), "{protocol:?} {place}: {body:#}");
        }
    }
}

#[tokio::test]
async fn settings_that_are_none_are_refused_before_anything_is_sent() {
    let server = Server::start(vec![reply(Protocol::OpenAi, &Said::default())]).await;
    let model = vendor(Protocol::OpenAi, &server);
    for (extra, told) in [
        (json!({"seed": "x"}), "`seed` is a whole number, not \"x\""),
        (json!({"cache": "2h"}), "`cache` is `true` or `false`, not \"2h\""),
        (json!({"messages": []}), "`messages` has a field of its own: it cannot be set beside it"),
        (json!({"n": 8}), "`n` has a field of its own: it cannot be set beside it"),
        (
            json!({"generationConfig": {"candidateCount": 8}}),
            "`candidateCount` has a field of its own: it cannot be set beside it",
        ),
        (
            json!({"tool_choice": 3}),
            "`tool_choice` is `auto`, `none`, `required` or the name of a tool, not 3",
        ),
        (
            json!({"reasoning_effort": "a lot"}),
            "`reasoning_effort` is `none`, `minimal`, `low`, `medium`, `high`, `max` or a number of tokens, not `a lot`",
        ),
    ] {
        let request = Request { extra: Value::from(extra), ..Request::prompt("m", "x") };
        let error = model.complete(&LlmContext::default(), request).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (LlmErrorKind::InvalidRequest, told));
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn tools_are_offered_under_names_every_vendor_takes() {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    let tool = ToolDefinition {
        name: "files.read".to_owned(),
        description: "Reads a file.".to_owned(),
        input_schema: Value::from(schema.clone()),
    };
    let call = Part::ToolCall {
        id: "c1".to_owned(),
        name: "files.read".to_owned(),
        arguments: Value::from(json!({"path": "a"})),
    };
    let content = Value::from("no such file");
    let result = Part::ToolResult { call_id: "c1".to_owned(), content, is_error: true };
    let mut request = Request { tools: vec![tool], ..Request::prompt("m", "x") };
    request.messages.push(Message { role: Role::Assistant, parts: vec![call] }.into());
    request.messages.push(Message { role: Role::Tool, parts: vec![result] }.into());
    for protocol in Protocol::ALL {
        let body = sent(protocol, request.clone(), &LlmContext::default()).await.body;
        let name = match protocol {
            Protocol::OpenAi | Protocol::DeepSeek | Protocol::Ollama => "/tools/0/function/name",
            Protocol::OpenAiResponses | Protocol::Anthropic => "/tools/0/name",
            Protocol::Gemini => "/tools/0/functionDeclarations/0/name",
        };
        assert_eq!(body.pointer(name), Some(&json!("files-read")), "{protocol:?}: {body:#}");
        let text = body.to_string();
        assert!(
            text.contains("Error: no such file") && !text.contains("files.read"),
            "{protocol:?}: {body:#}"
        );
    }
}

#[tokio::test]
async fn a_schema_is_sent_where_it_is_followed_and_told_elsewhere() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
        "additionalProperties": false});
    let request = Request { output_schema: Some(Value::from(schema)), ..Request::prompt("m", "x") };
    for protocol in Protocol::ALL {
        let body = sent(protocol, request.clone(), &LlmContext::default()).await.body;
        let schema = match protocol {
            Protocol::OpenAi => "/response_format/json_schema/schema/properties/n/type",
            Protocol::OpenAiResponses => "/text/format/schema/properties/n/type",
            Protocol::Anthropic => "/output_config/format/schema/properties/n/type",
            Protocol::Gemini => "/generationConfig/responseJsonSchema/properties/n/type",
            Protocol::DeepSeek | Protocol::Ollama => {
                let told = body["messages"].as_array().unwrap().iter().any(|message| {
                    message["content"].as_str().is_some_and(|text| text.contains("follows this JSON Schema"))
                });
                assert!(told, "{protocol:?}: {body:#}");
                continue;
            }
        };
        assert_eq!(body.pointer(schema), Some(&json!("integer")), "{protocol:?}: {body:#}");
    }
}

#[derive(Debug)]
struct Picture;

#[async_trait]
impl BlobSource for Picture {
    async fn read(&self, _blob: &BlobRef) -> Result<Bytes, String> {
        Ok(Bytes::from_static(b"\x89PNG"))
    }
}

#[tokio::test]
async fn pictures_are_shown() {
    let blob = BlobRef { hash: BlobHash::of(b"\x89PNG"), media_type: "image/png".into(), size: 4 };
    let parts = vec![Part::Text { text: "What is this?".to_owned() }, Part::Blob { blob }];
    let request = Request {
        model: "m".to_owned(),
        messages: vec![Message { role: Role::User, parts }.into()],
        ..Request::default()
    };
    let ctx = LlmContext { blobs: Some(Arc::new(Picture)), ..LlmContext::default() };
    for protocol in Protocol::ALL {
        let body = sent(protocol, request.clone(), &ctx).await.body;
        assert!(body.to_string().contains("iVBORw=="), "{protocol:?}: {body:#}");
    }
    let server = Server::start(vec![reply(Protocol::OpenAi, &Said::default())]).await;
    let error =
        vendor(Protocol::OpenAi, &server).complete(&LlmContext::default(), request).await.unwrap_err();
    assert_eq!(error.kind, LlmErrorKind::InvalidRequest);
    assert!(error.message.ends_with("cannot be shown to the model: nobody here reads blobs"), "{error}");
}

fn granted(hosts: &[String]) -> LlmContext {
    let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    LlmContext { grants: Arc::new(Grants { hosts, ..Grants::default() }), ..LlmContext::default() }
}

#[tokio::test]
async fn a_blueprint_sends_requests_where_the_run_may_go_and_never_a_key() {
    let server =
        Server::start(vec![reply(Protocol::OpenAi, &Said { text: vec!["ok"], ..Said::default() })]).await;
    let settings = ProviderSettings {
        api_key: Some(ice_core::process::SecretRef::new("env:K")),
        ..ProviderSettings::of(Protocol::OpenAi)
    };
    let model = Vendor::new("openai", settings, Arc::new(OneKey), Arc::new(PriceTable::built_in()));
    let port = server.port();
    let ask = |url: String| Request { base_url: Some(url), ..Request::prompt("m", "x") };
    let refused = async |url: &str, ctx: LlmContext, told: &str| {
        let error = model.complete(&ctx, ask(url.to_owned())).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (LlmErrorKind::InvalidRequest, told), "{url}");
    };
    let url = format!("http://127.0.0.1:{port}/v1");
    let hint = format!(
        "`http://127.0.0.1:{port}` is at 127.0.0.1:{port}, which is no public address: if that is meant, start the run with `--allow-net 127.0.0.1:{port}`"
    );
    refused(&url, LlmContext::default(), &hint).await;
    let hint = format!(
        "`http://localhost:{port}` was not granted: start the run with `--allow-net localhost:{port}`"
    );
    refused(&format!("http://localhost:{port}/v1"), LlmContext::default(), &hint).await;
    let hint = "`base_url` begins with `http://` or `https://`, and holds no name or password";
    refused("http://me:pw@example.org/", LlmContext::default(), hint).await;
    refused("ftp://example.org/", LlmContext::default(), hint).await;
    refused("https://", LlmContext::default(), "`base_url`: empty host").await;
    assert_eq!(server.asked().len(), 0);

    for (url, grant) in [
        (url, format!("127.0.0.1:{port}")),
        (format!("http://localhost:{port}/v1/"), format!("localhost:{port}")),
    ] {
        model.complete(&granted(&[grant]), ask(url)).await.unwrap();
        let asked = server.asked().pop().unwrap();
        assert_eq!(asked.target, "POST /v1/chat/completions HTTP/1.1");
        assert!(!asked.headers.contains("authorization"), "{}", asked.headers);
    }
}
