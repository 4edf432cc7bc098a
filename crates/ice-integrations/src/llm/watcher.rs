//! What is read in the frames of a stream beside what the client makes of them: which model answers, what it spent so far,
//! whether it refuses.

use std::sync::{Mutex, MutexGuard, PoisonError};

use genai::chat::{ChatFrameSink, FrameCtx, RawFrameRef};
use ice_core::llm::Usage;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::Protocol;

/// The most of a refusal that is kept, in bytes.
const MAX_REFUSAL: usize = 1_000;

/// The most bytes of an answer with all that is around its pieces.
const MAX_BYTES: u64 = 64 << 20;

/// What the frames said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The model, as the vendor names it.
    pub(super) model: Option<String>,
    /// The tokens spent so far, if the vendor said.
    pub(super) usage: Option<Usage>,
    /// Why the model refuses, as it says it itself.
    pub(super) refusal: Option<String>,
    /// The bytes of all frames.
    pub(super) bytes: u64,
    /// Whether a frame was no JSON that the client passes over: a piece of the answer is missing.
    pub(super) is_broken: bool,
}

/// Reads the frames of one stream.
#[derive(Debug)]
pub(super) struct Watcher {
    protocol: Protocol,
    seen: Mutex<Seen>,
}

impl Watcher {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self { protocol, seen: Mutex::default() }
    }

    /// Whether the answer has more bytes than any answer may have.
    pub(super) fn is_too_long(&self) -> bool {
        self.lock().bytes > MAX_BYTES
    }

    /// Whether a piece of the answer is missing.
    pub(super) fn is_broken(&self) -> bool {
        self.lock().is_broken
    }

    pub(super) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChatFrameSink for Watcher {
    fn on_frame(&self, _ctx: &FrameCtx, frame: RawFrameRef<'_>) {
        let mut seen = self.lock();
        seen.bytes += frame.data.len() as u64;
        let passes_over = self.protocol == Protocol::OpenAiResponses;
        if passes_over && !frame.data.is_empty() && serde_json::from_str::<IgnoredAny>(frame.data).is_err() {
            seen.is_broken |= frame.data != "[DONE]";
            return;
        }
        // Most frames hold nothing but a piece of the answer, and are not read twice.
        let may_tell = seen.model.is_none()
            || ["usage\"", "usageMetadata\"", "eval_count\"", "refusal"]
                .iter()
                .any(|key| frame.data.contains(key));
        if !may_tell {
            return;
        }
        let Some(json) = frame.json() else { return };
        if seen.model.is_none() {
            seen.model = model(&json).map(str::to_owned);
        }
        if let Some(usage) = usage(self.protocol, &json) {
            // Later frames repeat, and some leave out what earlier ones said.
            let earlier = seen.usage.unwrap_or_default();
            seen.usage = Some(Usage {
                input: usage.input.max(earlier.input),
                output: usage.output.max(earlier.output),
                cached: usage.cached.max(earlier.cached),
                cache_write: usage.cache_write.max(earlier.cache_write),
                reasoning: usage.reasoning.max(earlier.reasoning),
                ..usage
            });
        }
        if let Some(more) = refusal(&json) {
            let said = seen.refusal.get_or_insert_default();
            if said.len() < MAX_REFUSAL {
                said.push_str(more);
            }
        }
    }
}

fn model(json: &Json) -> Option<&str> {
    ["/model", "/message/model", "/response/model", "/modelVersion"]
        .iter()
        .find_map(|place| json.pointer(place)?.as_str())
}

/// A piece of a refusal of OpenAI, in both of its protocols.
fn refusal(json: &Json) -> Option<&str> {
    if json.get("type").and_then(Json::as_str) == Some("response.refusal.delta") {
        return json.get("delta")?.as_str();
    }
    json.pointer("/choices/0/delta/refusal")?.as_str()
}

/// The tokens that a frame tells of.
fn usage(protocol: Protocol, json: &Json) -> Option<Usage> {
    let count = |json: &Json, place: &str| json.pointer(place).and_then(Json::as_u64).unwrap_or_default();
    match protocol {
        Protocol::OpenAi | Protocol::DeepSeek => {
            let usage = json.get("usage").filter(|usage| usage.is_object())?;
            Some(Usage {
                input: count(usage, "/prompt_tokens"),
                output: count(usage, "/completion_tokens"),
                cached: count(usage, "/prompt_tokens_details/cached_tokens")
                    .max(count(usage, "/prompt_cache_hit_tokens")),
                reasoning: count(usage, "/completion_tokens_details/reasoning_tokens"),
                ..Usage::default()
            })
        }
        Protocol::OpenAiResponses => {
            let usage = json.pointer("/response/usage").filter(|usage| usage.is_object())?;
            Some(Usage {
                input: count(usage, "/input_tokens"),
                output: count(usage, "/output_tokens"),
                cached: count(usage, "/input_tokens_details/cached_tokens"),
                reasoning: count(usage, "/output_tokens_details/reasoning_tokens"),
                ..Usage::default()
            })
        }
        Protocol::Anthropic => {
            let usage = json.get("usage").or_else(|| json.pointer("/message/usage"));
            let usage = usage.filter(|usage| usage.is_object())?;
            let cached = count(usage, "/cache_read_input_tokens");
            let cache_write = count(usage, "/cache_creation_input_tokens");
            Some(Usage {
                // Its input is what was neither read from the cache nor written to it.
                input: count(usage, "/input_tokens").saturating_add(cached).saturating_add(cache_write),
                output: count(usage, "/output_tokens"),
                cached,
                cache_write,
                reasoning: count(usage, "/output_tokens_details/thinking_tokens"),
                ..Usage::default()
            })
        }
        Protocol::Gemini => {
            let usage = json.get("usageMetadata").filter(|usage| usage.is_object())?;
            let reasoning = count(usage, "/thoughtsTokenCount");
            Some(Usage {
                input: count(usage, "/promptTokenCount")
                    .saturating_add(count(usage, "/toolUsePromptTokenCount")),
                // Its count of the answer leaves the reasoning out.
                output: count(usage, "/candidatesTokenCount").saturating_add(reasoning),
                cached: count(usage, "/cachedContentTokenCount"),
                reasoning,
                ..Usage::default()
            })
        }
        Protocol::Ollama => {
            json.get("eval_count").or_else(|| json.get("prompt_eval_count"))?;
            Some(Usage {
                input: count(json, "/prompt_eval_count"),
                output: count(json, "/eval_count"),
                cached: count(json, "/prompt_eval_cached_count"),
                ..Usage::default()
            })
        }
    }
}
