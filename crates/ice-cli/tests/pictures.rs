//! Pictures as inputs, from a file of the command line to the body of the request.

#[cfg(test)]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use common::Desk;
use rustix::process::Signal;
use serde_json::{Value, json};

/// The smallest PNG: one transparent pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

const BLUEPRINT: &str = "input_schema: {type: object, properties: {photo: {type: object}}, required: [photo]}
nodes:
- {id: look, type: llm, provider: local, model: smol, prompt: What is it?, images: ['{{ inputs.photo }}']}
";

/// The bodies that were sent to a server which speaks OpenAI's protocol.
type Bodies = Arc<Mutex<Vec<Value>>>;

/// Starts one; it ends with the process of the tests.
#[cfg(test)]
fn server() -> (u16, Bodies) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, bodies) = (listener.local_addr().unwrap().port(), Bodies::default());
    let remembered = Arc::clone(&bodies);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            remembered.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let choice = |delta: Value, finish: Value| {
                let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
                format!("data: {}\n\n", json!({"model": "smol", "choices": [choice]}))
            };
            let said = choice(json!({"content": "a pixel"}), Value::Null);
            let text = format!("{said}{}data: [DONE]\n\n", choice(json!({}), json!("stop")));
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ncontent-length:";
            stream.write_all(format!("{head} {}\r\n\r\n{text}", text.len()).as_bytes()).unwrap();
        }
    });
    (port, bodies)
}

/// A desk whose provider `local` is a server, with a blueprint and a picture.
#[cfg(test)]
fn desk() -> (Desk, Bodies) {
    let (desk, (port, bodies)) = (Desk::new(), server());
    let models =
        format!("[providers.local]\nprotocol = \"openai\"\nbase_url = \"http://127.0.0.1:{port}/v1\"\n");
    desk.write(".config/ice/models.toml", &models);
    desk.write("look.yaml", BLUEPRINT);
    std::fs::write(desk.path("photo.bin"), PNG).unwrap();
    (desk, bodies)
}

/// What the model was shown last.
#[cfg(test)]
fn shown(bodies: &Bodies) -> Value {
    let bodies = bodies.lock().unwrap();
    bodies.last().and_then(|body| body["messages"].as_array()?.last().cloned()).unwrap()
}

#[cfg(test)]
fn expected(bytes: &[u8]) -> Value {
    use base64::Engine as _;
    let data = base64::prelude::BASE64_STANDARD.encode(bytes);
    let url = format!("data:image/png;base64,{data}");
    json!({"role": "user", "content": [
        {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]})
}

#[test]
fn a_picture_of_a_file_is_in_the_request_and_the_run_names_it() {
    let (desk, bodies) = desk();
    let other = [PNG, b"more"].concat();
    std::fs::write(desk.path("other"), &other).unwrap();
    desk.ice(&["run", "look.yaml", "-i", "photo=@other"]).code(0);
    let ended = desk.ice(&["run", "look.yaml", "-i", "photo=@photo.bin", "--json"]).code(0).json();
    assert_eq!(ended["output"]["look"]["text"], "a pixel");
    assert_eq!(shown(&bodies), expected(PNG));
    let photo = &ended["inputs"]["photo"];
    assert_eq!((&photo["media_type"], &photo["size"]), (&json!("image/png"), &json!(PNG.len())));
    let id = ended["id"].as_str().unwrap();
    desk.ice(&["runs", "replay", id]).code(0);
    // What a run names is not removed with another run, and a fork shows it again, or another one.
    let pruned = desk.ice(&["runs", "prune", "--older-than", "0s", "--keep", "1", "--json"]).code(0).json();
    assert_eq!(pruned["runs"].as_array().unwrap().len(), 1, "{pruned}");
    desk.ice(&["runs", "fork", id, "--at", "look"]).code(0);
    assert_eq!(shown(&bodies), expected(PNG));
    desk.ice(&["runs", "fork", id, "--at", "look", "-i", "photo=@other"]).code(0);
    assert_eq!(shown(&bodies), expected(&other));
    assert_eq!(bodies.lock().unwrap().len(), 4);
}

#[test]
fn a_worker_is_brought_the_pictures_of_a_second_terminal() {
    let (desk, bodies) = desk();
    let mut worker = desk.start(&["worker"]);
    worker.until_said("ice worker owns");
    // It takes several pieces.
    let large = [PNG, &vec![7; 3 << 20]].concat();
    std::fs::write(desk.path("large.png"), &large).unwrap();
    let given = desk.ice(&["run", "look.yaml", "-i", "photo=@large.png"]).code(0);
    assert_eq!(given.json()["look"]["text"], "a pixel");
    assert_eq!(shown(&bodies), expected(&large));
    let id = desk.ice(&["run", "look.yaml", "-i", "photo=@photo.bin", "--detach"]).code(0).out;
    desk.ice(&["runs", "events", id.trim(), "--follow"]).code(0);
    assert_eq!(shown(&bodies), expected(PNG));
    worker.signal(Signal::TERM);
    worker.finish();
}

#[test]
fn what_is_no_picture_and_no_json_is_refused_before_anything_is_started() {
    let (desk, bodies) = desk();
    let photo = |file: &str| desk.ice(&["run", "look.yaml", "-i", &format!("photo=@{file}")]).code(2);
    desk.write("empty.png", "");
    photo("empty.png").says("error[INPUT_INVALID]").says("begins as no picture does, and is not valid JSON");
    desk.write("text.png", "a text");
    photo("text.png").says("a picture is a file of PNG, JPEG, GIF, WebP or PDF");
    photo("nowhere.png").says("error[FILE_UNREADABLE]");
    photo(".").says("error[FILE_UNREADABLE]");
    photo("/dev/zero").says("error[FILE_UNREADABLE]");
    rustix::fs::mknodat(rustix::fs::CWD, desk.path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    photo("pipe").says("error[FILE_UNREADABLE]").says("name a regular file");
    let file = std::fs::File::create(desk.path("large.png")).unwrap();
    (&file).write_all(PNG).unwrap();
    file.set_len((20 << 20) + 1).unwrap();
    photo("large.png").says("error[FILE_TOO_LARGE]").says("a picture of more than 20 MiB");
    assert!(!desk.data().exists() && bodies.lock().unwrap().is_empty());
    // Values that only look like pictures fail the node, or are not started at all.
    desk.write(
        "fake.json",
        &json!({"$blob": "0".repeat(64), "media_type": "image/png", "size": 1}).to_string(),
    );
    photo("fake.json").says("error[INPUT_INVALID]").says("is not here");
    desk.ice(&["run", "look.yaml", "-i", "photo={}"]).code(1).says("`images.0`: a picture is a blob");
    assert!(bodies.lock().unwrap().is_empty());
}

#[test]
fn pictures_are_checked_and_estimated_and_kept_for_no_schedule() {
    let (desk, bodies) = desk();
    desk.ice(&["validate", "look.yaml"]).code(0);
    let estimate = desk.ice(&["estimate", "look.yaml", "-i", "photo=@photo.bin", "--json"]).code(0).json();
    assert_eq!(estimate["model_calls"]["likely"], 1, "{estimate}");
    desk.write("net.yaml", "name: often\nworkflows: [{ref: look.yaml, id: look, schedule: '0 6 * * *'}]\n");
    let words = ["network", "run", "net.yaml", "--scheduled", "-i", "photo=@photo.bin"];
    desk.ice(&words).code(2).says("a picture cannot be an input of what is run by a schedule");
    assert!(bodies.lock().unwrap().is_empty());
}
