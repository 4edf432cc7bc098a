//! `ice models` and runs with real models, against a server in this process that speaks OpenAI's protocol.

#[cfg(test)]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::{Desk, Given, given};
use serde_json::{Value, json};

/// A server that answers each conversation with `answer`, and remembers what it was asked: path, key, body.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<(String, String, Value)>>>,
}

#[cfg(test)]
impl Server {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&asked);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut key, mut length) = (String::new(), String::new(), 0);
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let line = line.trim().to_owned();
                    if line.is_empty() {
                        break;
                    }
                    let (name, value) = line.split_once(": ").unwrap();
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.parse().unwrap(),
                        "authorization" => key = value.to_owned(),
                        _ => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                remembered.lock().unwrap().push((first.trim().to_owned(), key, body));
                let (kind, text) = if first.starts_with("GET") {
                    ("application/json", json!({"data": [{"id": "smol"}, {"id": "big"}]}).to_string())
                } else {
                    let chunk = |delta: Value, finish: Value| {
                        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
                        format!("data: {}\n\n", json!({"model": "smol-served", "choices": [choice]}))
                    };
                    let usage =
                        json!({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}});
                    let frames = [
                        chunk(json!({"content": answer}), Value::Null),
                        chunk(json!({}), json!("stop")),
                        format!("data: {usage}\n\ndata: [DONE]\n\n"),
                    ];
                    ("text/event-stream", frames.concat())
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    text.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(text.as_bytes()).unwrap();
            }
        });
        Self { port, asked }
    }

    fn last(&self) -> (String, String, Value) {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

/// A desk with variables of its environment.
struct Ice {
    desk: Desk,
    variables: Vec<(&'static str, &'static str)>,
}

#[cfg(test)]
impl Ice {
    fn new() -> Self {
        Self { desk: Desk::new(), variables: Vec::new() }
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn folder(&self) -> PathBuf {
        self.desk.path("")
    }

    fn ice(&self, words: &[&str]) -> Given {
        given(self.desk.command(words).envs(self.variables.iter().copied()).output().unwrap())
    }

    fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        self.ice(&words).code(0).json()
    }

    /// What is said by a command that fails.
    fn fails(&self, words: &[&str]) -> String {
        let given = self.ice(words);
        assert_ne!(given.code, Some(0), "{given:#?}");
        given.err
    }
}

/// Writes a file that only its owner may read.
#[cfg(test)]
fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A command whose provider `local` is the server, with its key in `.env`.
#[cfg(test)]
fn with(server: &Server) -> Ice {
    let ice = Ice::new();
    let folder = ice.folder();
    let port = server.port;
    std::fs::write(
        folder.join("models.toml"),
        format!("[providers.local]\nprotocol = \"openai\"\nbase_url = \"http://127.0.0.1:{port}/v1\"\napi_key = \"env:LOCAL_TEST_KEY\"\n"),
    )
    .unwrap();
    std::fs::write(
        folder.join("prices.toml"),
        "[[model]]\nprovider = \"local\"\nmodels = [\"smol*\"]\ninput = \"1\"\noutput = \"2\"\ncontext = 1000\nmax_output = 100\nas_of = \"2026-11-28\"\nsource = \"https://example.org/prices\"\n",
    )
    .unwrap();
    private(&folder.join(".env"), "LOCAL_TEST_KEY=a-secret-key\n");
    ice.env("ICE_MODELS", "models.toml").env("ICE_PRICES", "prices.toml")
}

#[test]
fn providers_are_listed_with_where_their_keys_are() {
    let server = Server::start("pong");
    let ice = with(&server);
    let listed = ice.json(&["models", "list"]);
    let local = listed.as_array().unwrap().iter().find(|one| one["name"] == "local").unwrap().clone();
    assert_eq!(
        local,
        json!({"name": "local", "protocol": "openai", "address": format!("http://127.0.0.1:{}/v1/", server.port),
            "key": "env:LOCAL_TEST_KEY", "key_found": true})
    );
    let models = ice.json(&["models", "list", "local"]);
    assert_eq!((models[0]["model"].as_str(), models[0]["output"].as_str()), (Some("smol*"), Some("2")));
    let wrong = ice.fails(&["models", "list", "lokal"]);
    assert!(
        wrong.contains("there is no provider `lokal`") && wrong.contains("did you mean `local`?"),
        "{wrong}"
    );
}

#[test]
fn a_ping_tells_whether_a_model_answers() {
    let server = Server::start("pong");
    let ice = with(&server);
    let answer = ice.json(&["models", "ping", "local/smol"]);
    assert_eq!((answer["text"].as_str(), answer["model"].as_str()), (Some("pong"), Some("smol-served")));
    // 10 tokens at 1 and 5 at 2 dollars a million.
    assert_eq!(answer["usage"]["cost"], json!("0.00002"));
    let (path, key, body) = server.last();
    assert_eq!((path.as_str(), key.as_str()), ("POST /v1/chat/completions HTTP/1.1", "Bearer a-secret-key"));
    assert_eq!(body["model"], json!("smol"));
    assert_eq!(ice.json(&["models", "ping", "local"]), json!(["big", "smol"]));
    std::fs::remove_file(ice.folder().join(".env")).unwrap();
    let failed = ice.fails(&["models", "ping", "local/smol"]);
    assert!(failed.contains("MODEL_AUTH") && failed.contains("`LOCAL_TEST_KEY` is not set"), "{failed}");
    private(&ice.folder().join(".env"), "LOCAL_TEST_KEY=x\n");
    std::fs::set_permissions(ice.folder().join(".env"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let failed = ice.fails(&["models", "ping", "local/smol"]);
    assert!(failed.contains("is open to others: `chmod 600 .env`"), "{failed}");
}

const BLUEPRINT: &str = "nodes:
- {id: greet, type: llm, provider: echo, model: echo, prompt: \"Greet {{ inputs.who }}\"}
- id: each
  type: loop
  items_source: inputs.items
  body: [{id: say, type: llm, provider: echo, model: echo, prompt: \"{{ item }}\"}]
";

#[test]
fn a_run_asks_the_model_of_the_command_line_or_the_environment() {
    let server = Server::start("good day");
    let ice = with(&server);
    std::fs::write(ice.folder().join("b.yaml"), BLUEPRINT).unwrap();
    let run = |more: &[&str]| {
        let mut words = vec!["run", "b.yaml", "-i", "who=Ada", "-i", "items=[\"x\"]"];
        words.extend(more);
        ice.json(&words)
    };
    let ended = run(&["--model", "local/smol"]);
    assert_eq!(ended["output"]["greet"]["text"], json!("good day"), "{ended}");
    assert_eq!(ended["output"]["each"][0]["model"], json!("smol-served"));
    assert_eq!(ended["usage"]["cost"], json!("0.00004"));
    let asked = server.asked.lock().unwrap().len();
    assert_eq!(asked, 2);
    // Without it, the blueprint says who is asked.
    assert_eq!(run(&[])["output"]["greet"]["text"], json!("Greet Ada"));
    assert_eq!(server.asked.lock().unwrap().len(), asked);
    let ice = ice.env("ICE_MODEL", "local/smol");
    let ended = ice.json(&["run", "b.yaml", "-i", "who=Ada", "-i", "items=[]"]);
    assert_eq!(ended["output"]["greet"]["text"], json!("good day"));
    let wrong = ice.fails(&["run", "b.yaml", "-i", "who=Ada", "-i", "items=[]", "--model", "lokal/smol"]);
    assert!(wrong.contains("did you mean `local`?"), "{wrong}");
    let wrong = ice.fails(&["run", "b.yaml", "-i", "who=Ada", "-i", "items=[]", "--model", "smol"]);
    assert!(wrong.contains("write PROVIDER/MODEL"), "{wrong}");
}

#[test]
fn nothing_of_a_key_is_kept() {
    let server = Server::start("good day");
    let ice = with(&server);
    std::fs::write(ice.folder().join("b.yaml"), BLUEPRINT).unwrap();
    ice.json(&["run", "b.yaml", "-i", "who=Ada", "-i", "items=[]", "--model", "local/smol"]);
    let found = std::process::Command::new("grep")
        .args(["-r", "-l", "--binary-files=text", "a-secret-key"])
        .arg(ice.folder())
        .output()
        .unwrap();
    let files = String::from_utf8(found.stdout).unwrap();
    let files: Vec<&str> = files.lines().filter(|file| !file.ends_with("/.env")).collect();
    assert_eq!(files, Vec::<&str>::new());
}

#[test]
fn a_broken_file_of_providers_is_told_with_its_place_and_keeps_nobody_from_looking_at_runs() {
    let server = Server::start("good day");
    let ice = with(&server);
    std::fs::write(ice.folder().join("models.toml"), "[providers.x]\nprotocl = \"openai\"\n").unwrap();
    let failed = ice.fails(&["models", "list"]);
    assert!(failed.contains("models.toml:2:1: unknown field `protocl`"), "{failed}");
    ice.json(&["runs", "list"]);
}
