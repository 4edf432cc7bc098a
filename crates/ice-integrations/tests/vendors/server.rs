//! A server of HTTP that follows a script, one reply for each request, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A piece of a reply.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Bytes, sent as a chunk.
    Bytes(String),
    /// Nothing more comes, and the connection stays.
    Stall,
    /// The connection is closed.
    Cut,
}

/// What is answered to one request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) pieces: Vec<Piece>,
}

impl Reply {
    pub(crate) fn of(status: u16, content_type: &str, pieces: Vec<Piece>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], pieces }
    }

    pub(crate) fn json(status: u16, body: &Json) -> Self {
        Self::of(status, "application/json", vec![Piece::Bytes(body.to_string())])
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) target: String,
    pub(crate) headers: String,
    pub(crate) body: Json,
}

#[derive(Debug, Default)]
struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Asked>>,
    /// How many connections were closed by the client while they stalled.
    left: Mutex<usize>,
    changed: Notify,
}

/// The server. Ends with its value.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves these replies; the last one again and again.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { replies: Mutex::new(replies.into()), ..Shared::default() });
        let mut tasks = JoinSet::new();
        let serving = Arc::clone(&shared);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { port, shared, _tasks: tasks }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Waits until the client has closed a connection that stalled.
    pub(crate) async fn left(&self) {
        loop {
            let changed = self.shared.changed.notified();
            if *self.shared.left.lock().unwrap() > 0 {
                return;
            }
            changed.await;
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(asked) = read(&mut stream).await {
        shared.asked.lock().unwrap().push(asked);
        let reply = {
            let mut replies = shared.replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        };
        let Some(reply) = reply else { return };
        let mut head = format!("HTTP/1.1 {} Reply\r\ntransfer-encoding: chunked\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        for piece in &reply.pieces {
            match piece {
                Piece::Bytes(bytes) => {
                    let chunk = format!("{:x}\r\n{bytes}\r\n", bytes.len());
                    if stream.write_all(chunk.as_bytes()).await.is_err() {
                        return;
                    }
                }
                Piece::Stall => {
                    // Nobody sends anything here: that the read ends says that the other side has gone.
                    let _gone = stream.read(&mut [0; 1]).await;
                    *shared.left.lock().unwrap() += 1;
                    shared.changed.notify_waiters();
                    return;
                }
                Piece::Cut => return,
            }
        }
        if stream.write_all(b"0\r\n\r\n").await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    let head = loop {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let headers = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let end = head + 4 + length.unwrap_or(0);
    while bytes.len() < end {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    }
    let target = String::from_utf8_lossy(&bytes[..head]).lines().next()?.to_owned();
    let body = serde_json::from_slice(&bytes[head + 4..end]).unwrap_or(Json::Null);
    Some(Asked { target, headers, body })
}
