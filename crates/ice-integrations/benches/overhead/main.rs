//! What the port and its policy cost beside a bare client: CPU time per call, time to the first token, memory per open stream.
//!
//! The server is a process of its own, so that its CPU time is not counted. It answers after 50 ms, or sends the beginning of an
//! answer and no more. The bare client sends the same bytes with the same connections and reads every frame with serde_json.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

mod server;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use ice_core::llm::{Chunk, LlmContext, LlmProvider, Request};
use ice_integrations::llm::policy::Guarded;
use ice_integrations::llm::prices::PriceTable;
use ice_integrations::llm::{Limits, Protocol, ProviderSettings, Vendor};
use ice_integrations::secrets::SystemSecrets;
use serde_json::{Value as Json, json};

/// Calls at once.
const AT_ONCE: usize = 64;
/// Calls of a round.
const CALLS: usize = 6_400;
const ROUNDS: usize = 7;
/// Streams that are open at the same time.
const OPEN: usize = 1_000;

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        return runtime().block_on(server::serve());
    }
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let own = std::env::current_exe().unwrap();
    let mut child =
        Command::new(own).arg("--serve").stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    let address = format!("http://127.0.0.1:{}/v1/", line.trim());
    runtime().block_on(measure(&address));
    // It ends with its input.
    drop(child.stdin.take());
    child.wait().unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn provider(address: &str) -> Arc<dyn LlmProvider> {
    let settings = ProviderSettings {
        base_url: Some(address.parse().unwrap()),
        api_key: None,
        ..ProviderSettings::of(Protocol::OpenAi)
    };
    let secrets = Arc::new(SystemSecrets::default());
    let vendor = Vendor::new("local", settings, secrets, Arc::new(PriceTable::built_in()));
    let limits = Limits { concurrency: u32::MAX.try_into().unwrap(), ..Limits::default() };
    Arc::new(Guarded::new(Arc::new(vendor), limits))
}

fn question(model: &str) -> Request {
    Request {
        temperature: Some(0.5),
        max_tokens: Some(100),
        ..Request::prompt(model, "What is the time? ".repeat(20))
    }
}

async fn measure(address: &str) {
    let bare = reqwest::Client::builder().tcp_nodelay(true).pool_max_idle_per_host(64).build().unwrap();
    let ours = provider(address);
    let mut cpu = (Vec::new(), Vec::new());
    let mut first = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (spent, token) = round(|| asked_barely(&bare, address)).await;
        cpu.0.push(spent);
        first.0.push(token);
        let (spent, token) = round(|| asked(&ours)).await;
        cpu.1.push(spent);
        first.1.push(token);
    }
    let (bare_cpu, our_cpu) = (median(&mut cpu.0), median(&mut cpu.1));
    let (bare_first, our_first) = (median(&mut first.0), median(&mut first.1));
    println!(
        "{AT_ONCE} calls at once, {CALLS} a round, medians of {ROUNDS} rounds; the server answers after 50 ms\n"
    );
    println!("| | bare reqwest | port and policy | more | aim |");
    println!("|---|---|---|---|---|");
    println!(
        "| client CPU per call, µs | {bare_cpu:.1} | {our_cpu:.1} | {:.1} | at most 100 |",
        our_cpu - bare_cpu
    );
    println!(
        "| to the first token, ms | {:.3} | {:.3} | {:.3} | at most 0.2 |",
        bare_first / 1e3,
        our_first / 1e3,
        (our_first - bare_first) / 1e3
    );
    let before = resident();
    let ctx = LlmContext::default();
    let streams = futures::stream::iter(0..OPEN).map(|_| async {
        let mut stream = ours.stream(&ctx, question("stall")).await.unwrap();
        stream.next().await.unwrap().unwrap();
        stream
    });
    let streams: Vec<_> = streams.buffer_unordered(AT_ONCE).collect().await;
    let per_stream = (resident() - before) as f64 / streams.len() as f64;
    println!("| memory per open stream, KiB | | {:.1} | | under 64 |", per_stream / 1024.0);
}

/// CPU time and time to the first token per call, in microseconds.
async fn round<F: Future<Output = Duration>>(call: impl Fn() -> F) -> (f64, f64) {
    let before = cpu();
    let calls = futures::stream::iter(0..CALLS).map(|_| call());
    let mut first: Vec<f64> =
        calls.buffer_unordered(AT_ONCE).map(|first| first.as_secs_f64() * 1e6).collect().await;
    ((cpu() - before).as_secs_f64() * 1e6 / CALLS as f64, median(&mut first))
}

async fn asked(provider: &Arc<dyn LlmProvider>) -> Duration {
    let began = Instant::now();
    let mut first = None;
    let mut chunks = provider.stream(&LlmContext::default(), question("m")).await.unwrap();
    while let Some(chunk) = chunks.next().await {
        match chunk.unwrap() {
            Chunk::Text { .. } => _ = first.get_or_insert_with(|| began.elapsed()),
            Chunk::Reasoning { .. } => {}
            Chunk::Done { response } => assert_eq!(response.usage.total(), 150),
        }
    }
    first.unwrap()
}

async fn asked_barely(client: &reqwest::Client, address: &str) -> Duration {
    let began = Instant::now();
    let request = question("m");
    let text = request.messages.first().unwrap().joined_text();
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5,
        "max_tokens": 100, "messages": [{"role": "user", "content": text}]});
    let url = format!("{address}chat/completions");
    let mut bytes = client.post(url).json(&body).send().await.unwrap().bytes_stream();
    let (mut first, mut rest, mut tokens, mut said) = (None, String::new(), 0, String::new());
    while let Some(chunk) = bytes.next().await {
        rest.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        while let Some(end) = rest.find("\n\n") {
            let frame: String = rest.drain(..end + 2).collect();
            let Ok(frame) = serde_json::from_str::<Json>(frame.trim().trim_start_matches("data: ")) else {
                continue;
            };
            if let Some(text) = frame.pointer("/choices/0/delta/content").and_then(Json::as_str) {
                first.get_or_insert_with(|| began.elapsed());
                said.push_str(text);
            }
            tokens += frame.pointer("/usage/total_tokens").and_then(Json::as_u64).unwrap_or_default();
        }
    }
    assert_eq!((tokens, said.is_empty()), (150, false));
    first.unwrap()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The CPU time of this process so far.
fn cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.cast_unsigned(), u32::try_from(spent.tv_nsec).unwrap())
}

/// The memory of this process, in bytes.
fn resident() -> i64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096
}
