use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::tools::{Effect, Grants, Started, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{HostResolver, tool_with};
use crate::support::testing::{call, context};

/// A server on the loopback that answers each path with fixed bytes, and remembers the requests.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answers: impl Fn(u16) -> Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: HashMap<String, String> =
            answers(port).into_iter().map(|(path, answer)| (path.to_owned(), answer)).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (answers, seen) = (answers.clone(), Arc::clone(&seen));
                connections.spawn(async move {
                    let mut request = Vec::new();
                    let mut buffer = [0; 4096];
                    // Something that begins like TLS gets an answer that is none.
                    let is_tls = |request: &[u8]| request.first() == Some(&0x16);
                    while !is_tls(&request) && !request.windows(4).any(|window| window == b"\r\n\r\n") {
                        match socket.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => request.extend_from_slice(&buffer[..count]),
                        }
                    }
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                    seen.lock().unwrap().push(text);
                    match answers.get(path.as_str()).map(String::as_str) {
                        Some("endless") => {
                            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                            let _ = socket.write_all(head.as_bytes()).await;
                            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
                            while socket.write_all(chunk.as_bytes()).await.is_ok() {}
                        }
                        Some("silent") => std::future::pending::<()>().await,
                        Some("stalls") => {
                            let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
                            let _ = socket.write_all(head.as_bytes()).await;
                            std::future::pending::<()>().await;
                        }
                        answer => {
                            let answer =
                                answer.unwrap_or("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
                            let _ = socket.write_all(answer.as_bytes()).await;
                            let _ = socket.shutdown().await;
                        }
                    }
                });
            }
        });
        Self { port, requests, _tasks: tasks }
    }

    fn seen(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn ok(content_type: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn moved(status: u16, to: impl std::fmt::Display) -> String {
    format!("HTTP/1.1 {status} Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

/// Names with fixed addresses.
#[derive(Debug, Default)]
struct Names(HashMap<&'static str, Vec<IpAddr>>);

#[async_trait]
impl HostResolver for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.get(host).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

fn fetch() -> Arc<dyn Tool> {
    let address = |text: &str| vec![text.parse().unwrap()];
    let names = HashMap::from([
        ("inside.test", address("127.0.0.1")),
        ("metadata.test", address("169.254.169.254")),
        ("mapped.test", address("::ffff:127.0.0.1")),
        ("localhost", address("127.0.0.1")),
        ("mixed.test", vec!["1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap()]),
    ]);
    tool_with(Arc::new(Names(names))).unwrap()
}

fn granting(hosts: &[String]) -> ToolContext {
    let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    ToolContext { grants: Arc::new(Grants { hosts, ..Grants::default() }), ..context() }
}

async fn get(ctx: &ToolContext, url: &str) -> Result<serde_json::Value, ToolError> {
    call(&*fetch(), ctx, json!({"url": url, "timeout_seconds": 10})).await
}

async fn refused(ctx: &ToolContext, url: &str, code: ErrorCode, part: &str) {
    let error = get(ctx, url).await.unwrap_err();
    assert_eq!((error.code, error.started), (code, Started::NotStarted), "{url}: {error}");
    assert!(error.message.contains(part), "{url}: {error}");
}

#[tokio::test]
async fn a_granted_host_answers() {
    let server = Server::start(|_| {
        vec![
            ("/text", ok("text/plain; charset=latin1", "plain")),
            ("/json?a=1", ok("application/json", "{\"n\": [1]}")),
            ("/bytes", ok("application/octet-stream", "\0\u{1}")),
            (
                "/cookie",
                "HTTP/1.1 200 OK\r\nset-cookie: s=1\r\nx: 1\r\nx: 2\r\ncontent-length: 0\r\n\r\n".to_owned(),
            ),
        ]
    })
    .await;
    let at = format!("127.0.0.1:{}", server.port);
    let ctx = granting(std::slice::from_ref(&at));
    let text = get(&ctx, &format!("http://{at}/text#part")).await.unwrap();
    assert_eq!((&text["status"], &text["text"], &text["bytes"]), (&json!(200), &json!("plain"), &json!(5)));
    assert_eq!(text["url"], format!("http://{at}/text"));
    assert_eq!(text["headers"]["content-type"], "text/plain; charset=latin1");
    assert_eq!(get(&ctx, &format!("http://{at}/json?a=1")).await.unwrap()["json"], json!({"n": [1]}));
    let bytes = get(&ctx, &format!("http://{at}/bytes")).await.unwrap();
    assert_eq!((&bytes["text"], &bytes["base64"]), (&json!(null), &json!("AAE=")));
    let headers = &get(&ctx, &format!("http://{at}/cookie")).await.unwrap()["headers"];
    assert_eq!((&headers["x"], headers.get("set-cookie")), (&json!("1, 2"), None));
    let request = &server.seen()[0];
    assert!(
        request.starts_with("GET /text HTTP/1.1\r\n") && request.contains("user-agent: ice/"),
        "{request}"
    );
}

#[tokio::test]
async fn nothing_is_granted_by_default() {
    let server = Server::start(|_| vec![("/", ok("text/plain", "secret"))]).await;
    let port = server.port;
    let none = granting(&[]);
    let missing = ErrorCode::GrantMissing;
    refused(&none, "http://inside.test/", missing, "--allow-net").await;
    refused(&none, "https://1.1.1.1/", missing, "`https://1.1.1.1`").await;
    refused(&none, &format!("http://127.0.0.1:{port}/"), ErrorCode::AddressRefused, "no public address")
        .await;
    let other =
        granting(&[format!("inside.test:{}", if port == 1 { 2 } else { 1 }), "1.1.1.1:443".to_owned()]);
    refused(&other, &format!("http://inside.test:{port}/"), missing, "--allow-net").await;
    refused(&other, "http://1.1.1.1/", missing, "--allow-net").await;
    assert_eq!(server.seen(), [""; 0]);
}

#[tokio::test]
async fn a_name_does_not_lead_to_private_addresses() {
    let server = Server::start(|_| vec![("/", ok("text/plain", "secret"))]).await;
    let port = server.port;
    let names = ["inside.test", "metadata.test", "mapped.test", "mixed.test"];
    let hosts: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
    let ctx = granting(&hosts);
    for name in names {
        let url = format!("http://{name}:{port}/");
        refused(&ctx, &url, ErrorCode::AddressRefused, "no public address").await;
    }
    refused(&granting(&["none.test:80".to_owned()]), "http://none.test/", ErrorCode::HttpFailed, "not found")
        .await;
    assert_eq!(server.seen(), [""; 0]);

    // Granted with its address, or by the name that means this machine, it is reached: the server is there.
    let ctx = granting(&[format!("inside.test:{port}"), format!("127.0.0.1:{port}")]);
    assert_eq!(get(&ctx, &format!("http://inside.test:{port}/")).await.unwrap()["text"], "secret");
    let ctx = granting(&[format!("localhost:{port}")]);
    assert_eq!(get(&ctx, &format!("http://localhost:{port}/")).await.unwrap()["text"], "secret");
}

#[tokio::test]
async fn other_ways_to_write_an_address_are_seen_through() {
    let ctx = granting(&["inside.test:80".to_owned()]);
    for url in [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://１２７.0.0.1/",
    ] {
        refused(&ctx, url, ErrorCode::AddressRefused, "no public address").await;
    }
    let invalid = ErrorCode::ToolInputInvalid;
    for (url, part) in [
        ("file:///etc/passwd", "begins with"),
        ("gopher://inside.test/", "begins with"),
        ("http://user:hunter2@inside.test/", "user name or password"),
        ("http://", "cannot be read"),
        ("inside.test", "cannot be read"),
        (&format!("http://inside.test/{}", "a".repeat(9000)), "longer than"),
    ] {
        refused(&ctx, url, invalid, part).await;
    }
}

#[tokio::test]
async fn every_redirect_is_checked_again() {
    let inner = Server::start(|_| vec![("/", ok("text/plain", "secret"))]).await;
    let inside = inner.port;
    let server = Server::start(|_| {
        vec![
            ("/private", moved(302, format_args!("http://127.0.0.1:{inside}/"))),
            ("/named", moved(302, format_args!("http://inside.test:{inside}/"))),
            ("/metadata", moved(307, "http://169.254.169.254/")),
            ("/scheme", moved(302, "file:///etc/passwd")),
            ("/broken", moved(302, "http://")),
            ("/round", moved(302, "/round")),
            ("/relative", moved(301, "next")),
            ("/next", ok("text/plain", "arrived")),
        ]
    })
    .await;
    let at = format!("127.0.0.1:{}", server.port);
    let ctx = granting(&[at.clone(), format!("inside.test:{inside}")]);
    for (path, code) in [
        ("private", ErrorCode::AddressRefused),
        ("named", ErrorCode::AddressRefused),
        ("metadata", ErrorCode::AddressRefused),
        ("scheme", ErrorCode::ToolInputInvalid),
        ("broken", ErrorCode::HttpFailed),
        ("round", ErrorCode::HttpFailed),
    ] {
        let error = get(&ctx, &format!("http://{at}/{path}")).await.unwrap_err();
        assert_eq!(error.code, code, "{path}: {error}");
    }
    assert_eq!(inner.seen(), [""; 0]);
    assert_eq!(server.seen().iter().filter(|request| request.contains("/round")).count(), 6);
    let arrived = get(&ctx, &format!("http://{at}/relative")).await.unwrap();
    assert_eq!((&arrived["text"], &arrived["url"]), (&json!("arrived"), &json!(format!("http://{at}/next"))));
    // After a redirect of something that is no mere question, it is not known what has happened.
    let input = json!({"url": format!("http://{at}/metadata"), "method": "POST"});
    assert_eq!(call(&*fetch(), &ctx, input).await.unwrap_err().started, Started::Unknown);
}

#[tokio::test]
async fn secrets_stay_with_the_host_they_were_meant_for() {
    let other = Server::start(|_| vec![("/", ok("text/plain", "other"))]).await;
    let elsewhere = other.port;
    let server = Server::start(|_| {
        vec![
            ("/away", moved(307, format_args!("http://127.0.0.1:{elsewhere}/"))),
            ("/back", moved(307, "/here")),
            ("/here", ok("text/plain", "here")),
            ("/post", moved(303, format_args!("http://127.0.0.1:{elsewhere}/"))),
        ]
    })
    .await;
    let at = format!("127.0.0.1:{}", server.port);
    let ctx = granting(&[at.clone(), format!("127.0.0.1:{elsewhere}")]);
    let ask = |path: &str, method: &str| {
        json!({"url": format!("http://{at}{path}"), "method": method, "body": {"n": 1},
               "headers": {"Authorization": "Bearer hunter2", "x-key": "hunter2", "Accept": "text/*"}})
    };
    for (path, method) in [("/away", "POST"), ("/back", "POST"), ("/post", "PUT")] {
        call(&*fetch(), &ctx, ask(path, method)).await.unwrap();
    }
    let (first, redirected) = (server.seen(), other.seen());
    assert!(first[0].contains("hunter2") && first[0].contains("content-type: application/json"), "{first:?}");
    assert!(first[2].starts_with("POST /here") && first[2].contains("hunter2"), "{first:?}");
    assert_eq!(redirected.len(), 2);
    assert!(
        redirected.iter().all(|request| !request.contains("hunter2") && request.contains("accept: text/*"))
    );
    assert!(redirected[0].starts_with("POST / ") && redirected[1].starts_with("GET / "), "{redirected:?}");
}

#[tokio::test]
async fn no_message_tells_a_secret() {
    let server = Server::start(|_| vec![("/silent?token=hunter2", "silent".to_owned())]).await;
    let at = format!("127.0.0.1:{}", server.port);
    let ctx = granting(std::slice::from_ref(&at));
    let url = format!("http://{at}/hunter2?token=hunter2");
    for input in [
        json!({"url": url, "headers": {"authorization": "hunter2"}}),
        json!({"url": url, "headers": {"authorization": "hunter2\r\nx: y"}}),
        json!({"url": url, "headers": {"host": "hunter2"}}),
        json!({"url": url, "headers": {"bad name": "hunter2"}}),
        json!({"url": url, "method": "GET", "body": "hunter2"}),
        json!({"url": format!("http://{at}/silent?token=hunter2"), "timeout_seconds": 0.05}),
        json!({"url": format!("https://{at}/hunter2"), "headers": {"authorization": "hunter2"}}),
        json!({"url": "http://user:hunter2@127.0.0.1/"}),
        json!({"url": "http://10.0.0.1/?hunter2"}),
    ] {
        let error = call(&*fetch(), &ctx, input.clone()).await.unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{input}: {error:?}");
    }
}

#[tokio::test]
async fn bodies_and_waits_have_limits() {
    let server = Server::start(|_| {
        vec![
            ("/large", ok("text/plain", &"x".repeat(1000))),
            ("/endless", "endless".to_owned()),
            ("/silent", "silent".to_owned()),
            ("/stalls", "stalls".to_owned()),
        ]
    })
    .await;
    let at = format!("127.0.0.1:{}", server.port);
    let mut ctx = granting(std::slice::from_ref(&at));
    let ask = |path: &str, more: serde_json::Value| {
        let mut input = json!({"url": format!("http://{at}{path}"), "timeout_seconds": 10});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (path, more, code, part) in [
        ("/large", json!({"max_bytes": 999}), ErrorCode::FileTooLarge, "more than 999 bytes"),
        ("/endless", json!({"max_bytes": 100_000}), ErrorCode::FileTooLarge, "more than 100000 bytes"),
        ("/silent", json!({"timeout_seconds": 0.05}), ErrorCode::HttpFailed, "within 0.05 seconds"),
        ("/stalls", json!({"timeout_seconds": 0.05}), ErrorCode::HttpFailed, "within 0.05 seconds"),
        ("/large", json!({"timeout_seconds": 601}), ErrorCode::ToolInputInvalid, ""),
        ("/large", json!({"max_redirects": 11}), ErrorCode::ToolInputInvalid, ""),
    ] {
        let error = call(&*fetch(), &ctx, ask(path, more)).await.unwrap_err();
        assert_eq!(error.code, code, "{path}: {error}");
        assert!(error.message.contains(part), "{path}: {error}");
    }
    ctx.limits.max_read_bytes = 10;
    let error = call(&*fetch(), &ctx, ask("/large", json!({}))).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (ErrorCode::FileTooLarge, false));
    ctx.limits.max_write_bytes = 10;
    let input = ask("/large", json!({"method": "POST", "body": "x".repeat(11)}));
    let error = call(&*fetch(), &ctx, input).await.unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::FileTooLarge, Started::NotStarted));
}

#[tokio::test]
async fn a_cancel_ends_the_exchange() {
    let server = Server::start(|_| vec![("/silent", "silent".to_owned())]).await;
    let at = format!("127.0.0.1:{}", server.port);
    let ctx = granting(std::slice::from_ref(&at));
    let (tool, seen) = (fetch(), Arc::clone(&server.requests));
    let cancel = async {
        while seen.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        ctx.cancel.cancel();
    };
    let input = json!({"url": format!("http://{at}/silent"), "method": "POST", "timeout_seconds": 600});
    let asked = tokio::time::timeout(Duration::from_secs(60), call(&*tool, &ctx, input));
    let (result, ()) = tokio::join!(asked, cancel);
    let error = result.unwrap().unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::RunCancelled, Started::Unknown));
}

#[tokio::test]
async fn a_status_can_be_a_failure_or_an_output() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno";
    let server = Server::start(|_| vec![("/busy", busy.to_owned())]).await;
    let at = format!("127.0.0.1:{}", server.port);
    let ctx = granting(std::slice::from_ref(&at));
    let error = get(&ctx, &format!("http://{at}/busy")).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (ErrorCode::HttpFailed, true));
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let error = get(&ctx, &format!("http://{at}/none")).await.unwrap_err();
    assert_eq!((error.retryable, error.retry_after), (false, None));
    let input = json!({"url": format!("http://{at}/busy"), "any_status": true});
    let output = call(&*fetch(), &ctx, input).await.unwrap();
    assert_eq!((&output["status"], &output["text"]), (&json!(503), &json!("no")));
    let input = json!({"url": format!("http://{at}/busy"), "any_status": true, "method": "HEAD"});
    assert_eq!(call(&*fetch(), &ctx, input).await.unwrap()["bytes"], 0);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_failure_before_anything_started() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let ctx = granting(std::slice::from_ref(&at));
    let input = json!({"url": format!("http://{at}/"), "method": "POST"});
    let error = call(&*fetch(), &ctx, input).await.unwrap_err();
    assert_eq!(
        (error.code, error.started, error.retryable),
        (ErrorCode::HttpFailed, Started::NotStarted, true)
    );
}

#[test]
fn the_effect_is_that_of_the_method() {
    let effect = |input: serde_json::Value| fetch().effect(&Value::from(input));
    assert_eq!(effect(json!({"url": "http://a"})), Effect::Idempotent);
    assert_eq!(effect(json!({"method": "HEAD"})), Effect::Idempotent);
    for method in [json!("POST"), json!("DELETE"), json!("PUT"), json!("get"), json!(1)] {
        assert_eq!(effect(json!({"method": method})), Effect::Irreversible, "{method}");
    }
}
