//! Servers over HTTP: one made with the library of the protocol, in both eras, and scripted ones.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::any;
use ice_core::blueprint::Format;
use ice_core::process::SecretRef;
use ice_core::tools::Started;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool as Offered,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::kit::{Era, Then, answer, asks, complete, context, tool, until, usual, value};
use crate::mcp::{Outside, SecretText, Secrets, Server, ServerManifest};

/// A server that is served as long as this is there.
struct Served {
    url: String,
    _tasks: JoinSet<()>,
}

async fn serve(router: Router) -> Served {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    Served { url, _tasks: tasks }
}

/// Knows the one secret that there is.
#[derive(Debug)]
struct OneSecret;

#[async_trait::async_trait]
impl Secrets for OneSecret {
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretText, String> {
        match reference.as_str() {
            "env:TOKEN" => Ok(SecretText::new("hunter2".to_owned())),
            _ => Err("the variable is not set here".to_owned()),
        }
    }
}

fn server(url: &str, more: &str) -> Server {
    let text = format!("kind: mcp_server\nname: s\nurl: {url}\n{more}");
    let reading = ServerManifest::read(&text, Format::Yaml, "s.yaml", Path::new("/tools"));
    let manifest = reading.value.unwrap_or_else(|| panic!("{}", reading.diagnostics));
    Server::new(manifest, Outside { secrets: Some(Arc::new(OneSecret)), ..Outside::default() })
}

/// A server of the library: its tool `add` adds, and `wait` waits until it is told not to.
#[derive(Clone, Default)]
struct Sums {
    given_up: CancellationToken,
}

impl ServerHandler for Sums {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, rmcp::ErrorData> {
        let schema = |schema: Json| Arc::new(schema.as_object().unwrap().clone());
        let numbers = schema(
            json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}),
        );
        let sum = schema(
            json!({"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}),
        );
        let add = Offered::new("add", "Adds.", numbers).with_raw_output_schema(sum);
        let wait = Offered::new("wait", "Waits.", schema(json!({"type": "object"})));
        Ok(ListToolsResult::with_all_items(vec![add, wait]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, rmcp::ErrorData> {
        if request.name == "wait" {
            context.ct.cancelled().await;
            self.given_up.cancel();
            return Ok(CallToolResult::success(vec![ContentBlock::text("gave up")]).into());
        }
        let arguments = Json::Object(request.arguments.unwrap_or_default());
        let sum = arguments["a"].as_i64().unwrap() + arguments["b"].as_i64().unwrap();
        Ok(CallToolResult::structured(json!({"sum": sum})).into())
    }
}

async fn sums() -> (Served, CancellationToken) {
    let sums = Sums::default();
    let given_up = sums.given_up.clone();
    let service = StreamableHttpService::new(
        move || Ok(sums.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    (serve(Router::new().nest_service("/mcp", service)).await, given_up)
}

#[tokio::test]
async fn a_server_of_the_library_is_called_over_http() {
    let (served, given_up) = sums().await;
    let server = server(&served.url, "tools: {add: {effect: pure}}\n");
    let offer = server.offer(&CancellationToken::new()).await.unwrap();
    assert_eq!(offer.protocol, "2026-07-28");
    let add = tool(&server, "s.add").await;
    let output = add.call(&context(), value(json!({"a": 2, "b": 3}))).await.unwrap();
    assert_eq!(Json::from(&output), json!({"sum": 5}));

    // Cancelled, the stream is closed, and the server learns that.
    let wait = tool(&server, "s.wait").await;
    let ctx = context();
    let cancelling = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        ctx.cancel.cancel();
    };
    let (called, ()) = tokio::join!(wait.call(&ctx, value(json!({}))), cancelling);
    assert_eq!(called.unwrap_err().started, Started::Unknown);
    until(|| given_up.is_cancelled()).await;
    server.close().await;
}

type Exchanges = Arc<Mutex<Vec<(HeaderMap, Json)>>>;

/// A server that answers each message so; nothing is `202`.
async fn answering(
    exchanges: &Exchanges,
    script: impl Fn(&HeaderMap, &Json) -> Response + Clone + Send + Sync + 'static,
) -> Served {
    let exchanges = Arc::clone(exchanges);
    let handler = move |request: Request| {
        let (exchanges, script) = (Arc::clone(&exchanges), script.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let message: Json = serde_json::from_slice(&body).unwrap_or_default();
            exchanges.lock().unwrap().push((parts.headers.clone(), message.clone()));
            script(&parts.headers, &message)
        }
    };
    serve(Router::new().route("/mcp", any(handler))).await
}

fn response(status: u16, kind: &str, body: String) -> Response {
    Response::builder().status(status).header("content-type", kind).body(Body::from(body)).unwrap()
}

/// The usual words of a server as responses.
fn usually(message: &Json, era: Era) -> Response {
    let said = usual(era, |_| None)(message);
    if let Then::Say(said) = said
        && !said.is_empty()
    {
        return response(200, "application/json", said.concat());
    }
    Response::builder().status(StatusCode::ACCEPTED).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn tokens_and_headers_are_sent_and_masked_in_what_comes_back() {
    for era in [Era::Modern, Era::Legacy] {
        let exchanges = Exchanges::default();
        let served = answering(&exchanges, move |headers, message| {
            if asks(message, "tools/call") {
                let seen = headers["authorization"].to_str().unwrap().to_owned();
                let result = complete(json!({"content": [{"type": "text", "text": seen}]}));
                return response(200, "application/json", answer(message, result));
            }
            usually(message, era)
        })
        .await;
        let more = "bearer: env:TOKEN\nheaders: {X-Team: blue}\nsecret_headers: {X-Key: env:TOKEN}\n";
        let server = server(&served.url, more);
        let output = tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap();
        assert_eq!(Json::from(&output), json!({"text": "Bearer *******"}), "{era:?}");
        for (headers, message) in exchanges.lock().unwrap().iter().filter(|(_, message)| !message.is_null()) {
            assert_eq!(
                (&headers["authorization"], &headers["x-team"], &headers["x-key"]),
                (&"Bearer hunter2".parse().unwrap(), &"blue".parse().unwrap(), &"hunter2".parse().unwrap()),
                "{message}"
            );
        }
        server.close().await;
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_by_its_reference() {
    let server = server("http://127.0.0.1:9/mcp", "bearer: env:OTHER\n");
    let error = server.offer(&CancellationToken::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the MCP server `s` cannot be started: the secret `env:OTHER` cannot be had: the variable is not set here"
    );
}

/// What is told of a server that answers a call so.
async fn failed(status: u16, kind: &'static str, body: &'static str) -> ice_core::tools::ToolError {
    let served = answering(&Exchanges::default(), move |_, message| {
        if asks(message, "tools/call") {
            let mut response = response(status, kind, body.to_owned());
            response.headers_mut().insert("retry-after", "7".parse().unwrap());
            return response;
        }
        usually(message, Era::Modern)
    })
    .await;
    let server = server(&served.url, "message: 1KiB\n");
    tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap_err()
}

#[tokio::test]
async fn statuses_say_whether_anything_was_begun() {
    let busy = failed(429, "text/plain", "slow down").await;
    assert_eq!(
        (busy.started, busy.retryable, busy.retry_after),
        (Started::NotStarted, true, Some(std::time::Duration::from_secs(7))),
        "{busy}"
    );
    let broken = failed(503, "text/plain", "down").await;
    assert_eq!((broken.started, broken.retryable), (Started::Unknown, true), "{broken}");
    assert!(broken.message.contains("HTTP status 503"), "{broken}");
    let page = failed(200, "text/html", "<html>").await;
    assert!(page.message.contains("neither JSON nor a stream of events"), "{page}");
    assert_eq!(page.started, Started::Unknown);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let served = answering(&Exchanges::default(), |_, message| {
        if asks(message, "tools/call") {
            let result = complete(json!({"content": [{"type": "text", "text": "x".repeat(4 << 10)}]}));
            return response(200, "application/json", answer(message, result));
        }
        usually(message, Era::Modern)
    })
    .await;
    let server = server(&served.url, "message: 1KiB\n");
    let error = tool(&server, "s.go").await.call(&context(), value(json!({}))).await.unwrap_err();
    assert!(error.message.contains("a larger message than it may: raise `message`"), "{error}");
}

#[tokio::test]
async fn a_server_that_wants_a_token_is_told_of_as_such() {
    let served = answering(&Exchanges::default(), |_, _| {
        let mut response = response(401, "text/plain", String::new());
        response.headers_mut().insert("www-authenticate", "Bearer".parse().unwrap());
        response
    })
    .await;
    let error = server(&served.url, "").offer(&CancellationToken::new()).await.unwrap_err();
    assert_eq!((error.started(), error.is_retryable()), (Started::NotStarted, false));
    assert!(error.to_string().contains("wants a token: write `bearer` or `oauth`"), "{error}");
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let served = answering(&Exchanges::default(), |_, _| {
        Response::builder()
            .status(307)
            .header("location", "http://127.0.0.1:9/mcp")
            .body(Body::empty())
            .unwrap()
    })
    .await;
    let error = server(&served.url, "").offer(&CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("it leads elsewhere"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_asked() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let error = server(&url, "").offer(&CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("no connection can be made"), "{error}");
    assert_eq!((error.started(), error.is_retryable()), (Started::NotStarted, true));
}

/// A server whose own authorization server gives tokens to the client `ice` with the secret.
#[tokio::test]
async fn a_client_with_a_secret_gets_a_token_by_itself() {
    let exchanges = Exchanges::default();
    let seen = Arc::clone(&exchanges);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let issuer = base.clone();
    let handler = move |request: Request| {
        let (issuer, seen) = (issuer.clone(), Arc::clone(&seen));
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let path = parts.uri.path().to_owned();
            if path.starts_with("/.well-known/oauth-protected-resource") {
                let body = json!({"resource": format!("{issuer}/mcp"), "authorization_servers": [issuer]});
                return response(200, "application/json", body.to_string());
            }
            if path.starts_with("/.well-known/") {
                let body = json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "response_types_supported": ["code"],
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                });
                return response(200, "application/json", body.to_string());
            }
            if path == "/token" {
                let form = String::from_utf8_lossy(&body).into_owned();
                seen.lock().unwrap().push((HeaderMap::new(), json!({"form": form})));
                let good = form.contains("client_id=ice") && form.contains("client_secret=hunter2");
                let body = json!({"access_token": "fresh", "token_type": "Bearer", "expires_in": 3600});
                return if good {
                    response(200, "application/json", body.to_string())
                } else {
                    response(400, "application/json", "{}".to_owned())
                };
            }
            if parts.headers.get("authorization").is_none_or(|token| token != "Bearer fresh") {
                let mut refused = response(401, "text/plain", String::new());
                let challenge =
                    format!("Bearer resource_metadata=\"{issuer}/.well-known/oauth-protected-resource/mcp\"");
                refused.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
                return refused;
            }
            usually(&serde_json::from_slice(&body).unwrap_or_default(), Era::Modern)
        }
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
    let more = "oauth: {client_id: ice, client_secret: env:TOKEN, scopes: [all]}\n";
    let offer = server(&format!("{base}/mcp"), more).offer(&CancellationToken::new()).await.unwrap();
    assert_eq!(offer.tools[0].name, "go");
    let form = exchanges.lock().unwrap()[0].1["form"].as_str().unwrap().to_owned();
    assert!(
        form.contains("grant_type=client_credentials")
            && form.contains("scope=all")
            && form.contains("resource="),
        "{form}"
    );
}
