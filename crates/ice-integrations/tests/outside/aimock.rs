//! `aimock` from npm.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use ice_core::llm::{Usage, tokens};
use ice_integrations::llm::Protocol;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::case::{Case, TEXT, THOUGHT, WAIT};
use super::check::calls;
use super::gaps::Gaps;
use super::judge::{Judge, model};
use super::program::Program;

pub(crate) const GAPS: Gaps = &[
    (
        &Protocol::ALL,
        &[Case::Malformed],
        "its streams are whole JSON; an answer that is none at all is shown",
    ),
    (&Protocol::ALL, &[Case::Short], "it cuts the connection where an answer ends early"),
    (
        &[Protocol::Ollama],
        &[Case::Reasoning],
        "it calls what is thought `reasoning_content`, and Ollama `thinking`",
    ),
    (&[Protocol::Ollama], &[Case::Length], "it says `stop` whatever is asked for"),
];

/// What an answer has spent, as it is told to say.
const READ: u64 = 321;
const WRITTEN: u64 = 54;

/// The server.
pub(crate) struct Aimock {
    program: Program,
    client: reqwest::Client,
    arranged: AtomicUsize,
    _folder: TempDir,
}

impl Aimock {
    pub(crate) async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // It begins with something to answer with.
        let first = json!({"fixtures": [{"match": {"model": "none"}, "response": {"content": "none"}}]});
        std::fs::write(folder.path().join("first.json"), first.to_string()).unwrap();
        let place = folder.path().to_string_lossy().into_owned();
        let arguments = ["-p", "0", "-f", &place, "--strict"];
        let program = Program::start("aimock", &arguments, "listening on ").await?;
        let (client, arranged) = (reqwest::Client::new(), AtomicUsize::new(0));
        Some(Self { program, client, arranged, _folder: folder })
    }

    pub(crate) fn arranged(&self) -> usize {
        self.arranged.load(Ordering::Relaxed)
    }

    async fn journal(&self) -> Vec<Json> {
        let address = format!("{}__aimock/journal?limit=1000", self.program.address);
        let told: Json = self.client.get(address).send().await.unwrap().json().await.unwrap();
        let entries = told.as_array().or_else(|| told["entries"].as_array());
        entries.unwrap_or_else(|| panic!("{told:#}")).clone()
    }

    /// The models that were asked for.
    pub(crate) async fn models(&self) -> BTreeSet<String> {
        let asked = self.journal().await;
        asked.iter().filter_map(|entry| entry["body"]["model"].as_str().map(str::to_owned)).collect()
    }
}

/// The response that is answered, with everything that each protocol calls otherwise.
fn response(case: Case) -> Json {
    let usage = json!({"prompt_tokens": READ, "completion_tokens": WRITTEN, "input_tokens": READ, "output_tokens": WRITTEN,
        "promptTokenCount": READ, "candidatesTokenCount": WRITTEN});
    let mut response = if case == Case::Tools {
        let calls =
            calls().map(|(name, arguments)| json!({"name": name, "arguments": arguments.to_string()}));
        json!({"toolCalls": calls})
    } else {
        json!({"content": TEXT})
    };
    response["usage"] = usage;
    if case == Case::Length {
        response["finishReason"] = json!("length");
    }
    if case == Case::Reasoning {
        response["reasoning"] = json!(THOUGHT);
    }
    response
}

#[async_trait]
impl Judge for Aimock {
    fn name(&self) -> &'static str {
        "aimock"
    }

    fn base_url(&self, protocol: Protocol) -> String {
        let path = match protocol {
            Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::Anthropic | Protocol::DeepSeek => "v1/",
            Protocol::Gemini => "v1beta/",
            Protocol::Ollama => "",
        };
        format!("{}{path}", self.program.address)
    }

    async fn arrange(&self, protocol: Protocol, case: Case) {
        self.arranged.fetch_add(1, Ordering::Relaxed);
        let only = json!({"model": model(protocol, case)});
        let mut fixtures = Vec::new();
        if let Some((status, times)) = case.error() {
            let times = times.unwrap_or(10);
            for at in 0..times {
                let mut only = only.clone();
                only["sequenceIndex"] = json!(at);
                let error = json!({"message": case.message()});
                let retry = if status == 429 { json!(WAIT) } else { Json::Null };
                let mut failure = json!({"error": error, "status": status});
                if !retry.is_null() {
                    failure["retryAfter"] = retry;
                }
                fixtures.push(json!({"match": only, "response": failure}));
            }
        }
        let mut fault = json!({"match": only, "response": response(case), "chunkSize": 9});
        fault["match"]["sequenceIndex"] = json!(0);
        // The first pieces come at once, then nothing for long.
        let pauses = [0, 0, 0, 0, 0, 0, 0, 30_000];
        let stall = json!({"ttftMs": 0, "interChunkDelaysMs": pauses, "totalDurationMs": 30_000});
        let faults = [
            // What was sent just before it cuts is lost with the connection.
            (Case::Cut, json!({"truncateAfterChunks": 8, "latency": 40})),
            (Case::Stalled, json!({"recordedTimings": stall})),
            (Case::Slow, json!({"streamingProfile": {"ttft": 10_000}})),
            (Case::Garbage, json!({"chaos": {"malformedRate": 1}})),
        ];
        if let Some((_, how)) = faults.iter().find(|(known, _)| *known == case) {
            for (name, value) in how.as_object().unwrap() {
                fault[name] = value.clone();
            }
            fixtures.push(fault);
        }
        fixtures.push(json!({"match": only, "response": response(case), "chunkSize": 9}));
        let address = format!("{}__aimock/fixtures", self.program.address);
        let told = self.client.post(address).json(&json!({"fixtures": fixtures})).send().await.unwrap();
        assert_eq!(told.status().as_u16(), 200, "{case:?}: {}", told.text().await.unwrap());
    }

    async fn asked(&self, protocol: Protocol, case: Case) -> usize {
        let model = json!(model(protocol, case));
        self.journal().await.iter().filter(|entry| entry["body"]["model"] == model).count()
    }

    fn usage(&self, protocol: Protocol, case: Case) -> Option<Usage> {
        if protocol == Protocol::Ollama {
            // It says that nothing was read or written, and what was written is then estimated.
            let output = if case == Case::Tools { return None } else { tokens::estimate_text(TEXT) };
            return Some(Usage { output, estimated: true, ..Usage::default() });
        }
        Some(Usage { input: READ, output: WRITTEN, ..Usage::default() })
    }
}
