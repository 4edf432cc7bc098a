//! Servers for tests: scripted ones at the other end of a pipe, and what they are started by.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, FutureExt};
use ice_core::blueprint::Format;
use ice_core::id::RunId;
use ice_core::process::{Home, Job, ProcessHost, Report, RunningProcess, Streams, Verdict};
use ice_core::time::{Moment, TestClock, TestIds};
use ice_core::tools::{ProgressSink, Tool, ToolContext};
use ice_core::value::Value;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::mcp::{Outside, Server, ServerManifest};

/// What a program does with its standard input and output.
pub(super) type Body = Arc<dyn Fn(DuplexStream, DuplexStream) -> BoxFuture<'static, i32> + Send + Sync>;

/// Starts the same program every time, in this process.
pub(super) struct Pipes {
    body: Body,
    pub(super) starts: AtomicUsize,
    pub(super) running: Arc<AtomicUsize>,
}

impl fmt::Debug for Pipes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipes")
    }
}

impl Pipes {
    pub(super) fn new<F: Future<Output = i32> + Send + 'static>(
        body: impl Fn(DuplexStream, DuplexStream) -> F + Send + Sync + 'static,
    ) -> Arc<Self> {
        let body: Body = Arc::new(move |input, output| body(input, output).boxed());
        Arc::new(Self { body, starts: AtomicUsize::new(0), running: Arc::default() })
    }

    pub(super) fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ProcessHost for Pipes {
    async fn run(
        &self,
        _: &Job,
        _: bytes::Bytes,
        _: &mut (dyn AsyncWrite + Send + Unpin),
        _: &CancellationToken,
    ) -> Report {
        Report::new(Home::Process, Verdict::Ok)
    }

    async fn start(&self, _: &Job, _: &CancellationToken) -> Result<Box<dyn RunningProcess>, Box<Report>> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        let (stdin, input) = tokio::io::duplex(1 << 16);
        let (output, stdout) = tokio::io::duplex(1 << 16);
        let mut tasks = JoinSet::new();
        let running = Arc::clone(&self.running);
        running.fetch_add(1, Ordering::SeqCst);
        let guard = Guard(running);
        let body = (self.body)(input, output);
        tasks.spawn(async move {
            let _guard = guard;
            body.await
        });
        Ok(Box::new(Piped {
            streams: Some(Streams { stdin: Box::new(stdin), stdout: Box::new(stdout) }),
            tasks,
            report: None,
        }))
    }

    fn layers(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Piped {
    streams: Option<Streams>,
    tasks: JoinSet<i32>,
    report: Option<Report>,
}

#[async_trait]
impl RunningProcess for Piped {
    fn streams(&mut self) -> Option<Streams> {
        self.streams.take()
    }

    fn kill(&mut self) {
        self.tasks.abort_all();
    }

    async fn wait(&mut self) -> Report {
        if let Some(report) = &self.report {
            return report.clone();
        }
        let verdict = match self.tasks.join_next().await {
            Some(Ok(0)) => Verdict::Ok,
            Some(Ok(code)) => Verdict::ExitCode { code },
            Some(Err(_)) | None => Verdict::Cancelled,
        };
        let report = Report { stderr: "last words\n".to_owned(), ..Report::new(Home::Process, verdict) };
        self.report = Some(report.clone());
        report
    }
}

/// What a scripted server does after a message.
pub(super) enum Then {
    /// Says this, line by line, and goes on.
    Say(Vec<String>),
    /// Says this without a line end, for ever.
    Flood(&'static [u8]),
    /// Ends with this exit code.
    Exit(i32),
}

/// Everything that was said to scripted servers.
pub(super) type Heard = Arc<Mutex<Vec<Json>>>;

/// A server that does with each message what it is told to.
pub(super) fn scripted(heard: &Heard, script: impl Fn(&Json) -> Then + Send + Sync + 'static) -> Arc<Pipes> {
    let (heard, script) = (Arc::clone(heard), Arc::new(script));
    Pipes::new(move |input, output| {
        let (heard, script) = (Arc::clone(&heard), Arc::clone(&script));
        talk(input, output, heard, script)
    })
}

async fn talk(
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
    heard: Heard,
    script: Arc<impl Fn(&Json) -> Then>,
) -> i32 {
    let mut lines = BufReader::new(input).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Json = serde_json::from_str(&line).unwrap();
        heard.lock().unwrap().push(message.clone());
        match script(&message) {
            Then::Say(texts) => {
                for text in texts {
                    if output.write_all(format!("{text}\n").as_bytes()).await.is_err() {
                        return 0;
                    }
                }
            }
            Then::Flood(piece) => while output.write_all(piece).await.is_ok() {},
            Then::Exit(code) => return code,
        }
    }
    0
}

/// The eras of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// As of 2026-07-28.
    Modern,
    /// With a handshake.
    Legacy,
}

pub(super) fn answer(to: &Json, result: Json) -> String {
    json!({"jsonrpc": "2.0", "id": to["id"], "result": result}).to_string()
}

pub(super) fn refusal(to: &Json, code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": to["id"], "error": {"code": code, "message": message}}).to_string()
}

/// A list of tools that is complete.
pub(super) fn tools(names: &[&str]) -> Json {
    let tools = names
        .iter()
        .map(|name| json!({"name": name, "description": "A tool.", "inputSchema": {"type": "object"}}));
    complete(json!({"tools": tools.collect::<Vec<_>>()}))
}

/// A result with what the later era asks for, which the earlier one does not mind.
pub(super) fn complete(mut result: Json) -> Json {
    result["resultType"] = json!("complete");
    result["ttlMs"] = json!(0);
    result["cacheScope"] = json!("private");
    result
}

/// The usual words of a server with the tool `go`, but for what `special` says.
pub(super) fn usual(
    era: Era,
    special: impl Fn(&Json) -> Option<Then> + Send + Sync + 'static,
) -> impl Fn(&Json) -> Then + Send + Sync + 'static {
    move |message| {
        if let Some(then) = special(message) {
            return then;
        }
        let capabilities = json!({"tools": {}});
        let method = message["method"].as_str().unwrap_or_default();
        let said = match (method, era) {
            ("server/discover", Era::Modern) => answer(
                message,
                complete(json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities})),
            ),
            ("initialize", Era::Legacy) => answer(
                message,
                json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": {"name": "s", "version": "1"}}),
            ),
            ("tools/list", _) => answer(message, tools(&["go"])),
            (_, _) if message.get("id").is_some() => refusal(message, -32601, "what?"),
            _ => return Then::Say(Vec::new()),
        };
        Then::Say(vec![said])
    }
}

/// Whether a message asks for this.
pub(super) fn asks(message: &Json, method: &str) -> bool {
    message["method"] == method
}

/// The manifest of a program with these lines at its end.
pub(super) fn manifest(more: &str) -> ServerManifest {
    let text = format!("kind: mcp_server\nname: s\ncommand: [x]\n{more}");
    let reading = ServerManifest::read(&text, Format::Yaml, "s.yaml", Path::new("/tools"));
    reading.value.unwrap_or_else(|| panic!("{}", reading.diagnostics))
}

pub(super) fn server(pipes: &Arc<Pipes>, more: &str) -> Server {
    let processes: Arc<dyn ProcessHost> = Arc::<Pipes>::clone(pipes);
    let clock = Arc::new(TestClock::new(Moment::from_millis(0)));
    Server::new(manifest(more), Outside { processes: Some(processes), clock, ..Outside::default() })
}

pub(super) fn context() -> ToolContext {
    let clock = Arc::new(TestClock::new(Moment::from_millis(0)));
    ToolContext::detached(RunId::new(&TestIds::new(1)), "n".parse().unwrap(), clock)
}

/// The tool of a server by its whole name.
pub(super) async fn tool(server: &Server, name: &str) -> Arc<dyn Tool> {
    let tools = server.tools(&CancellationToken::new()).await.unwrap();
    let found = tools.tools.iter().find(|tool| tool.spec().name == name);
    Arc::clone(found.unwrap_or_else(|| panic!("{:?}", tools.tools)))
}

pub(super) fn value(json: Json) -> Value {
    Value::from(json)
}

/// Waits until something holds. The clock of the test is a real one, and nothing else tells of it.
pub(super) async fn until(holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.unwrap();
}

/// Keeps the progress that it is told.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Mutex<Vec<Value>>);

impl ProgressSink for Told {
    fn report(&self, progress: Value) {
        self.0.lock().unwrap().push(progress);
    }
}
