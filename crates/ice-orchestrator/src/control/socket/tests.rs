//! The socket from both sides, and with clients that do not keep to the rules.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::registry::Registry;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Client, MAX_CLIENTS, PROTOCOL, SOCKET, Server, SocketError};
use crate::control::{Control, Document, Info, ListQuery, Request, Response, Start};
use crate::engine::Engine;
use crate::journal::{RunOptions, RunStatus};

/// A blueprint that needs no tool.
const QUICK: &str = "nodes: [{id: c, type: condition, expression: 'true', true_path: [{id: d, type: condition, expression: 'true', true_path: [{id: e, type: llm, provider: echo, model: echo, prompt: hi}]}]}]";

fn uid(folder: &Path) -> u32 {
    std::fs::metadata(folder).unwrap().uid()
}

struct Host {
    folder: tempfile::TempDir,
    engine: Engine,
    server: Server,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut registry = Registry::default();
        registry.providers.register(std::sync::Arc::new(ice_core::llm::Echo)).unwrap();
        let engine = Engine::builder().registry(registry).build();
        let info = Info {
            pid: 7,
            version: "1".to_owned(),
            role: "run".to_owned(),
            active: Vec::new(),
            sealed: None,
        };
        let control = Control::new(engine.clone(), info);
        let server = Server::open(folder.path(), uid(folder.path()), Tenant::default(), control).unwrap();
        Self { folder, engine, server }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn client(&self) -> Client {
        Client::connect(self.path(), uid(self.path())).await.unwrap()
    }

    /// A client that writes what it likes, and has been greeted.
    async fn raw(&self) -> BufReader<UnixStream> {
        let mut stream = BufReader::new(UnixStream::connect(self.path().join(SOCKET)).await.unwrap());
        let mut greeting = String::new();
        stream.read_line(&mut greeting).await.unwrap();
        assert!(greeting.starts_with(&format!("{{\"hello\":{{\"protocol\":{PROTOCOL},")), "{greeting}");
        stream
    }

    async fn close(self) {
        self.server.close().await;
        self.engine.close().await;
    }
}

fn start(text: &str) -> Request {
    let documents = vec![Document::new("a.yaml", text)];
    Request::Start(Box::new(Start {
        documents,
        inputs: ice_core::value::Value::empty_map(),
        options: RunOptions::default(),
    }))
}

#[tokio::test]
async fn a_client_starts_watches_and_shows_a_run() {
    let host = Host::new();
    let mut client = host.client().await;
    let Response::Started { run } = client.call(&start(QUICK)).await.unwrap() else { panic!() };
    let events =
        host.client().await.stream(&Request::Events { run, after: None, follow: true }).await.unwrap();
    let events: Vec<Response> = events.map(Result::unwrap).collect().await;
    assert_eq!(events.last(), Some(&Response::End));
    assert!(matches!(&events[events.len() - 2], Response::Event { event } if event.is_last()));
    let Response::Run { document } = client.call(&Request::Show { run }).await.unwrap() else { panic!() };
    assert_eq!(document.status, RunStatus::Succeeded);
    assert!(document.by.as_str().starts_with("cli:"));
    let Response::Runs { runs } = client.call(&Request::List(ListQuery::default())).await.unwrap() else {
        panic!()
    };
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [run]);
    let prefix = run.to_string()[..8].to_owned();
    let Response::Runs { runs } = client.call(&Request::Find { prefix }).await.unwrap() else { panic!() };
    assert_eq!(runs.len(), 1);
    let Response::Info(info) = client.call(&Request::Info).await.unwrap() else { panic!() };
    assert_eq!(info.pid, 7);
    host.close().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_and_the_client_goes_on() {
    let host = Host::new();
    let mut client = host.client().await;
    let refused = |response| {
        let Response::Refused(refusal) = response else { panic!("{response:?}") };
        refusal
    };
    let refusal = refused(client.call(&start("nodes: [{id: a, type: llm, promt: x}]")).await.unwrap());
    assert!(
        refusal
            .diagnostics
            .iter()
            .flat_map(|list| list.iter())
            .any(|one| one.code == ErrorCode::UnknownField)
    );
    let sub = "nodes: [{id: a, type: workflow, workflow_ref: b.yaml}]";
    let refusal = refused(client.call(&start(sub)).await.unwrap());
    let codes: Vec<_> = refusal.diagnostics.iter().flat_map(|list| list.iter()).map(|one| one.code).collect();
    assert_eq!((refusal.code, codes), (ErrorCode::BlueprintInvalid, vec![ErrorCode::UnknownBlueprint]));
    let none = Request::Start(Box::new(Start {
        documents: Vec::new(),
        inputs: ice_core::value::Value::Null,
        options: RunOptions::default(),
    }));
    assert_eq!(refused(client.call(&none).await.unwrap()).code, ErrorCode::InputInvalid);
    let run = ice_core::id::RunId::new(&ice_core::time::TestIds::new(1));
    for request in [
        Request::Show { run },
        Request::Cancel { run, reason: None },
        Request::Resume { run, in_doubt: None },
        Request::Events { run, after: None, follow: true },
    ] {
        assert_eq!(refused(client.call(&request).await.unwrap()).code, ErrorCode::RunNotFound, "{request:?}");
    }
    host.close().await;
}

#[tokio::test]
async fn lines_that_are_no_requests_are_refused_one_by_one() {
    let host = Host::new();
    let mut raw = host.raw().await;
    raw.write_all(b"{\"hello\":{\"protocol\":1,\"version\":\"x\"}}\n").await.unwrap();
    for bad in
        ["", "{}", "nonsense", "{\"request\":\"fly\"}", "{\"request\":\"show\",\"run\":\"x\"}", "[[[[[["]
    {
        raw.write_all(format!("{bad}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        raw.read_line(&mut answer).await.unwrap();
        assert!(answer.contains("\"refused\"") && answer.contains("USAGE"), "{bad}: {answer}");
    }
    raw.write_all(b"{\"request\":\"info\"}\n").await.unwrap();
    let mut answer = String::new();
    raw.read_line(&mut answer).await.unwrap();
    assert!(answer.contains("\"response\":\"info\""), "{answer}");
    host.close().await;
}

#[tokio::test]
async fn who_does_not_greet_in_this_version_is_let_go() {
    let host = Host::new();
    for greeting in
        ["{\"hello\":{\"protocol\":2,\"version\":\"x\"}}\n", "{\"request\":\"info\"}\n", "\u{1}\n"]
    {
        let mut raw = host.raw().await;
        raw.write_all(greeting.as_bytes()).await.unwrap();
        assert_eq!(raw.read(&mut [0; 8]).await.unwrap_or(0), 0, "{greeting}");
    }
    host.close().await;
}

/// What a client makes of a server that says this.
async fn greeted_with(greeting: &'static [u8]) -> SocketError {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap();
    let uid = uid(folder.path());
    let connecting = Client::connect(folder.path(), uid);
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(greeting).await.unwrap();
        assert!(stream.read(&mut [0; 64]).await.unwrap() > 0, "the client greets, too");
    };
    tokio::join!(connecting, answering).0.unwrap_err()
}

#[tokio::test]
async fn a_server_of_another_version_is_told_apart_from_nonsense() {
    let other = greeted_with(b"{\"hello\":{\"protocol\":99,\"version\":\"9\",\"new\":1}}\n").await;
    assert!(matches!(other, SocketError::Version { theirs: 99 }), "{other:?}");
    assert_eq!(other.code(), ErrorCode::ControlVersion);
    assert!(matches!(greeted_with(b"nonsense\n").await, SocketError::Protocol(_)));
    assert!(matches!(greeted_with(b"").await, SocketError::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let _mute = std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap();
    let error = Client::connect(folder.path(), uid(folder.path())).await.unwrap_err();
    assert!(matches!(error, SocketError::Silent), "{error:?}");
}

#[tokio::test]
async fn nobody_listens_where_there_is_no_owner() {
    let folder = tempfile::tempdir().unwrap();
    let uid = uid(folder.path());
    let error = Client::connect(folder.path(), uid).await.unwrap_err();
    assert!(matches!(error, SocketError::Absent), "{error:?}");
    let error = Client::connect(&folder.path().join("none"), uid).await.unwrap_err();
    assert!(matches!(error, SocketError::Absent), "{error:?}");
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
    let error = Client::connect(folder.path(), uid).await.unwrap_err();
    assert!(matches!(error, SocketError::Absent), "{error:?}");
}

#[tokio::test]
async fn the_socket_is_open_to_its_user_only_and_goes_with_the_owner() {
    let host = Host::new();
    let socket = host.path().join(SOCKET);
    let found = std::fs::metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(host.path()).unwrap().count(), 1, "nothing is left of making it");
    let mut idle = host.raw().await;
    let folder = host.path().to_owned();
    let Host { folder: held, engine, server } = host;
    server.close().await;
    engine.close().await;
    assert!(!socket.exists());
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap_or(0), 0, "connections are closed");
    assert!(matches!(Client::connect(&folder, 0).await.unwrap_err(), SocketError::Absent));
    drop(held);
}

#[tokio::test]
async fn what_a_dead_owner_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
    std::fs::create_dir(folder.path().join("control.new")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("control.new").join(SOCKET)).unwrap());
    let info =
        Info { pid: 7, version: "1".to_owned(), role: "run".to_owned(), active: Vec::new(), sealed: None };
    let engine = Engine::builder().build();
    let control = Control::new(engine.clone(), info);
    let uid = uid(folder.path());
    let server = Server::open(folder.path(), uid, Tenant::default(), control).unwrap();
    Client::connect(folder.path(), uid).await.unwrap();
    server.close().await;
    engine.close().await;
}

#[tokio::test]
async fn more_clients_than_there_is_room_for_wait_and_are_served_later() {
    let host = Host::new();
    let mut seated = Vec::new();
    for _ in 0..MAX_CLIENTS {
        seated.push(host.client().await);
    }
    let uid = uid(host.path());
    let folder = host.path().to_owned();
    let mut late = std::pin::pin!(Client::connect(&folder, uid));
    assert!(futures::poll!(late.as_mut()).is_pending());
    seated.pop();
    let mut late = late.await.unwrap();
    assert!(matches!(late.call(&Request::Info).await.unwrap(), Response::Info(_)));
    host.close().await;
}

#[test]
fn only_the_same_user_and_root_are_trusted() {
    assert!(
        super::frame::trusts(1_000, 1_000) && super::frame::trusts(1_000, 0) && super::frame::trusts(0, 0)
    );
    assert!(!super::frame::trusts(1_000, 1_001) && !super::frame::trusts(0, 1_000));
}

#[test]
fn a_line_that_is_too_long_is_not_sent() {
    let text = "x".repeat(super::MAX_LINE_BYTES - 2);
    assert_eq!(super::frame::encode(&text).unwrap().len(), super::MAX_LINE_BYTES);
    assert!(matches!(super::frame::encode(&(text + "x")), Err(SocketError::TooLarge)));
}
