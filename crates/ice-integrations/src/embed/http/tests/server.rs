//! A server in this process that answers as it is told, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use ice_core::embedding::Dimension;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::embed::http::Settings;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) head: String,
    pub(super) body: Value,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Answers with this status, these lines of headers and this body.
    Whole(u16, &'static str, String),
    /// Says nothing.
    Silence,
    /// Closes the connection without a word.
    Hangup,
    /// Promises more than it sends, and closes.
    Cut,
    /// Sends the beginning of an answer, and nothing more.
    Stall,
    /// Sends without end.
    Endless,
}

type Answers = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

pub(super) struct Server {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    pub(super) closed: mpsc::UnboundedReceiver<()>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answers, asked): (Answers, _) = (Arc::new(answers), Arc::new(Mutex::new(Vec::new())));
        let (says_closed, closed) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let seen = Arc::clone(&asked);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (answers, seen) = (Arc::clone(&answers), Arc::clone(&seen));
                let says_closed = says_closed.clone();
                connections.spawn(async move {
                    serve(socket, &*answers, &seen).await;
                    let _ = says_closed.send(());
                });
            }
        });
        Self { port, asked, closed, _tasks: tasks }
    }

    pub(super) fn settings(&self, path: &str) -> Settings {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        Settings::new("test", url, "m", Dimension::new(2).unwrap())
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Serves one request, and returns once the other side has closed.
async fn serve(
    mut socket: TcpStream,
    answers: &(dyn Fn(&Asked) -> Reply + Send + Sync),
    seen: &Mutex<Vec<Asked>>,
) {
    let Some(asked) = take(&mut socket).await else { return };
    let reply = answers(&asked);
    seen.lock().unwrap().push(asked);
    match reply {
        Reply::Whole(status, headers, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = socket.write_all(text.as_bytes()).await;
        }
        Reply::Hangup => return,
        Reply::Cut => {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"data\":").await;
            return;
        }
        Reply::Stall => {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"data\":").await;
        }
        Reply::Endless => {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
            while socket.write_all(chunk.as_bytes()).await.is_ok() {}
        }
        Reply::Silence => {}
    }
    while matches!(socket.read(&mut [0; 1024]).await, Ok(1..)) {}
}

async fn take(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut buffer = [0; 65_536];
        let count = socket.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())?;
    let mut body = bytes.split_off(end);
    let have = body.len();
    body.resize(length, 0);
    socket.read_exact(&mut body[have..]).await.ok()?;
    Some(Asked { head, body: serde_json::from_slice(&body).unwrap_or_default() })
}

pub(super) fn ok(body: &Value) -> Reply {
    Reply::Whole(200, "", body.to_string())
}
