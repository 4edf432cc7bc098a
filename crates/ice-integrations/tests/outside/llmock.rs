//! `llmock` from PyPI, and its verdict on the client.

use async_trait::async_trait;
use ice_core::llm::Usage;
use ice_integrations::llm::Protocol;
use serde_json::{Value as Json, json};

use super::case::{Case, PROMPT, TEXT, WAIT};
use super::check::calls;
use super::gaps::Gaps;
use super::judge::{Judge, model};
use super::program::Program;

pub(crate) const GAPS: Gaps = &[
    (&[Protocol::Ollama], &Case::ALL, "it does not speak Ollama's protocol"),
    (&Protocol::ALL, &[Case::Reasoning], "it has no reasoning"),
    (&Protocol::ALL, &[Case::Garbage], "its answers are whole JSON, or streams"),
];

/// The server.
pub(crate) struct Llmock {
    program: Program,
    client: reqwest::Client,
}

impl Llmock {
    pub(crate) async fn start() -> Option<Self> {
        let program = Program::start(
            "llmock",
            &["serve", "--port", "0", "--stream-chunk-delay-ms", "20"],
            "Uvicorn running on ",
        )
        .await?;
        Some(Self { program, client: reqwest::Client::new() })
    }

    pub(crate) fn address(&self) -> &str {
        &self.program.address
    }

    async fn told(&self, what: &str) -> Json {
        let address = format!("{}_llmock/{what}", self.program.address);
        self.client.get(address).send().await.unwrap().json().await.unwrap()
    }

    /// What it thinks of us.
    pub(crate) async fn verdict(&self) -> Json {
        self.told("verdict").await
    }

    /// Everything that it was asked, each with its number.
    pub(crate) async fn requests(&self) -> Vec<Json> {
        self.told("requests").await["requests"].as_array().unwrap().clone()
    }

    /// What was arranged for good stays; of the rest, what was not asked for.
    pub(crate) async fn waiting(&self) -> Json {
        let told = self.told("scenario").await;
        let waiting = told["pending"].as_array().unwrap().iter();
        waiting.filter(|behaviour| !behaviour["times"].is_null()).cloned().collect()
    }
}

/// Whether it is wrong to find fault: with a piece that is no JSON where it had sent one as it was told. What is already on its
/// way when a client stops to read looks to it as if it had been taken; that it was not is what the case checks.
pub(crate) fn is_explained(finding: &Json, requests: &[Json]) -> bool {
    let told = Protocol::ALL.map(|protocol| json!(model(protocol, Case::Malformed)));
    let of_the_case = |number: &Json| {
        requests.iter().any(|request| request["seq"] == *number && told.contains(&request["model"]))
    };
    let numbers = finding["requests"].as_array().map_or(&[][..], Vec::as_slice);
    finding["code"] == json!("malformed_chunk_ignored")
        && !numbers.is_empty()
        && numbers.iter().all(of_the_case)
}

#[async_trait]
impl Judge for Llmock {
    fn name(&self) -> &'static str {
        "llmock"
    }

    fn base_url(&self, protocol: Protocol) -> String {
        let path = match protocol {
            Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::DeepSeek => "v1/",
            Protocol::Anthropic => "anthropic/v1/",
            Protocol::Gemini => "gemini/v1beta/",
            Protocol::Ollama => "",
        };
        format!("{}{path}", self.program.address)
    }

    async fn arrange(&self, protocol: Protocol, case: Case) {
        let only = json!({"model": model(protocol, case)});
        let mut reply = json!({"type": "reply", "text": TEXT, "times": null, "match": only});
        if case == Case::Tools {
            let calls = calls().map(|(name, arguments)| json!({"name": name, "arguments": arguments}));
            reply = json!({"type": "reply", "tool_calls": calls, "times": null, "match": only});
        }
        if case == Case::Length {
            reply["finish_reason"] = json!("length");
        }
        let mut behaviours = vec![reply];
        if let Some((status, times)) = case.error() {
            let mut fail = json!({"type": "fail", "status": status, "message": case.message(), "times": times, "match": only});
            if status == 429 {
                fail["retry_after"] = json!(WAIT);
            }
            behaviours.push(fail);
        }
        let faults = [
            (Case::Malformed, "malformed"),
            (Case::Cut, "disconnect"),
            (Case::Short, "truncate"),
            (Case::Stalled, "stall"),
        ];
        let fault = faults.iter().find(|(known, _)| *known == case);
        behaviours.extend(fault.map(
            |(_, kind)| json!({"type": "stream_fault", "kind": kind, "after_chunks": 8, "match": only}),
        ));
        if case == Case::Slow {
            behaviours.push(json!({"type": "slow_first_token", "seconds": 10, "match": only}));
        }
        let address = format!("{}_llmock/scenario", self.program.address);
        let told = self.client.post(address).json(&json!({"behaviors": behaviours})).send().await.unwrap();
        assert_eq!(told.status().as_u16(), 201, "{}", told.text().await.unwrap());
    }

    async fn asked(&self, protocol: Protocol, case: Case) -> usize {
        let model = json!(model(protocol, case));
        self.requests().await.iter().filter(|request| request["model"] == model).count()
    }

    /// It counts a quarter of the characters, of each text for itself, and no more of a call than its arguments.
    fn usage(&self, protocol: Protocol, case: Case) -> Option<Usage> {
        let quarter = |text: &str| text.chars().count() as u64 / 4;
        let mut input = quarter(PROMPT);
        let mut output = quarter(TEXT);
        if case == Case::Tools {
            // As Python writes them, with spaces, and every other letter by its number.
            output = [r#"{"city": "Oslo"}"#, r#"{"city": "Bergen \"west\" \u00e5", "days": 2}"#]
                .map(quarter)
                .iter()
                .sum();
        }
        // What a tool has answered is text everywhere but for Gemini, which it does not count.
        if case == Case::Results && protocol != Protocol::Gemini {
            input += 2 * quarter(r#"{"celsius":11}"#);
        }
        Some(Usage { input, output, ..Usage::default() })
    }
}

#[test]
fn only_pieces_that_it_broke_itself_are_explained() {
    let requests = [
        json!({"seq": 1, "model": model(Protocol::Gemini, Case::Malformed)}),
        json!({"seq": 2, "model": model(Protocol::Gemini, Case::Short)}),
    ];
    let finding = |code: &str, numbers: &[u64]| json!({"code": code, "requests": numbers});
    let ignored = "malformed_chunk_ignored";
    assert!(is_explained(&finding(ignored, &[1]), &requests));
    for (code, numbers) in [
        (ignored, &[2][..]),
        (ignored, &[1, 2]),
        (ignored, &[3]),
        (ignored, &[]),
        ("truncated_stream_accepted", &[1]),
    ] {
        assert!(!is_explained(&finding(code, numbers), &requests), "{code} {numbers:?}");
    }
}
