//! The server of the benchmark: chat completions after 50 ms, or, for the model `stall`, the beginning of one.

use std::io::Write;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const DELAY: Duration = Duration::from_millis(50);

/// Serves until standard input ends; says its port first.
pub(crate) async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::io::stdout().flush().unwrap();
    let mut connections = JoinSet::new();
    let ended = tokio::task::spawn_blocking(|| std::io::Read::read(&mut std::io::stdin(), &mut [0]));
    tokio::pin!(ended);
    loop {
        tokio::select! {
            _ = &mut ended => return,
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.spawn(converse(stream));
            }
        }
    }
}

fn frames() -> [String; 4] {
    let chunk = |delta, finish| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"id": "c", "model": "served", "choices": [choice]}))
    };
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150});
    [
        chunk(json!({"role": "assistant", "content": "It is "}), json!(null)),
        chunk(json!({"content": "noon."}), json!(null)),
        chunk(json!({}), json!("stop")),
        format!("data: {}\n\ndata: [DONE]\n\n", json!({"id": "c", "choices": [], "usage": usage})),
    ]
}

async fn converse(mut stream: TcpStream) {
    let frames = frames();
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let end = loop {
            if let Some(end) = end_of(&bytes) {
                break end;
            }
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => bytes.extend(buffer.iter().take(read)),
            }
        };
        let stalls = String::from_utf8_lossy(&bytes).contains("\"model\":\"stall\"");
        bytes.drain(..end);
        tokio::time::sleep(DELAY).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut reply = head.to_owned();
        for frame in frames.iter().take(if stalls { 1 } else { frames.len() }) {
            reply.push_str(&format!("{:x}\r\n{frame}\r\n", frame.len()));
        }
        if !stalls {
            reply.push_str("0\r\n\r\n");
        }
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Where the first request ends, if all of it is there.
fn end_of(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(bytes.get(..head)?).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())?;
    (bytes.len() >= head + length).then_some(head + length)
}
