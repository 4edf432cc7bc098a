//! The same answer as each vendor's server writes it.

use ice_integrations::llm::Protocol;
use serde_json::{Value as Json, json};

use super::server::{Piece, Reply};

/// What a model says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) reasoning: &'static str,
    /// The state that goes back to the vendor unchanged.
    pub(crate) signature: &'static str,
    pub(crate) text: Vec<&'static str>,
    /// Name and arguments of the tools that are asked for.
    pub(crate) calls: Vec<(&'static str, Json)>,
    pub(crate) finish: Finish,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Finish {
    #[default]
    Stop,
    Length,
    Filtered,
}

/// The reply that streams an answer.
pub(crate) fn reply(protocol: Protocol, said: &Said) -> Reply {
    let pieces = frames(protocol, said).into_iter().map(Piece::Bytes).collect();
    Reply::of(200, content_type(protocol), pieces)
}

pub(crate) fn content_type(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Ollama { "application/x-ndjson" } else { "text/event-stream" }
}

/// The frames of a stream.
pub(crate) fn frames(protocol: Protocol, said: &Said) -> Vec<String> {
    match protocol {
        Protocol::OpenAi | Protocol::DeepSeek => openai(protocol, said),
        Protocol::OpenAiResponses => responses(said),
        Protocol::Anthropic => anthropic(said),
        Protocol::Gemini => gemini(said),
        Protocol::Ollama => ollama(said),
    }
}

fn data(json: &Json) -> String {
    format!("data: {json}\n\n")
}

fn event(json: &Json) -> String {
    format!("event: {}\ndata: {json}\n\n", json["type"].as_str().unwrap())
}

fn openai(protocol: Protocol, said: &Said) -> Vec<String> {
    let chunk = |delta: Json, finish: Json| {
        data(&json!({"id": "c1", "object": "chat.completion.chunk", "model": "gpt-served",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
    };
    let mut frames = vec![chunk(json!({"role": "assistant", "content": ""}), Json::Null)];
    if !said.reasoning.is_empty() {
        frames.push(chunk(json!({"reasoning_content": said.reasoning}), Json::Null));
    }
    frames.extend(said.text.iter().map(|text| chunk(json!({"content": text}), Json::Null)));
    for (index, (name, arguments)) in said.calls.iter().enumerate() {
        let start = json!([{"index": index, "id": format!("call_{index}"), "type": "function",
            "function": {"name": name, "arguments": ""}}]);
        frames.push(chunk(json!({"tool_calls": start}), Json::Null));
        let written = arguments.to_string();
        let (head, tail) = written.split_at(written.len() / 2);
        for part in [head, tail] {
            let more = json!([{"index": index, "function": {"arguments": part}}]);
            frames.push(chunk(json!({"tool_calls": more}), Json::Null));
        }
    }
    let finish = match said.finish {
        Finish::Stop if said.calls.is_empty() => "stop",
        Finish::Stop => "tool_calls",
        Finish::Length => "length",
        Finish::Filtered => "content_filter",
    };
    frames.push(chunk(json!({}), json!(finish)));
    let mut usage = json!({"prompt_tokens": 120, "completion_tokens": 34, "total_tokens": 154,
        "completion_tokens_details": {"reasoning_tokens": 12}});
    if protocol == Protocol::DeepSeek {
        usage["prompt_cache_hit_tokens"] = json!(20);
        usage["prompt_cache_miss_tokens"] = json!(100);
    } else {
        usage["prompt_tokens_details"] = json!({"cached_tokens": 20});
    }
    frames.push(data(&json!({"id": "c1", "model": "gpt-served", "choices": [], "usage": usage})));
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

fn responses(said: &Said) -> Vec<String> {
    let response = |status: &str| json!({"id": "r1", "model": "gpt-served", "status": status, "output": []});
    let mut frames = vec![event(&json!({"type": "response.created", "response": response("in_progress")}))];
    if !said.reasoning.is_empty() {
        frames.push(event(
            &json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": said.reasoning}),
        ));
    }
    if !said.signature.is_empty() {
        let item =
            json!({"type": "reasoning", "id": "rs1", "summary": [], "encrypted_content": said.signature});
        frames.push(event(&json!({"type": "response.output_item.done", "output_index": 0, "item": item})));
    }
    frames.extend(said.text.iter().map(|text| {
        event(&json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": text}))
    }));
    for (index, (name, arguments)) in said.calls.iter().enumerate() {
        let at = index + 2;
        let mut item = json!({"type": "function_call", "id": format!("fc{index}"),
            "call_id": format!("call_{index}"), "name": name, "arguments": ""});
        frames.push(event(&json!({"type": "response.output_item.added", "output_index": at, "item": item})));
        frames.push(event(&json!({"type": "response.function_call_arguments.delta", "output_index": at,
            "delta": arguments.to_string()})));
        item["arguments"] = json!(arguments.to_string());
        frames.push(event(&json!({"type": "response.output_item.done", "output_index": at, "item": item})));
    }
    let usage = json!({"input_tokens": 120, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 34,
        "output_tokens_details": {"reasoning_tokens": 12}, "total_tokens": 154});
    let (kind, status) = match said.finish {
        Finish::Stop => ("response.completed", "completed"),
        Finish::Length | Finish::Filtered => ("response.incomplete", "incomplete"),
    };
    let mut end = response(status);
    end["usage"] = usage;
    if said.finish != Finish::Stop {
        let why = if said.finish == Finish::Length { "max_output_tokens" } else { "content_filter" };
        end["incomplete_details"] = json!({"reason": why});
    }
    frames.push(event(&json!({"type": kind, "response": end})));
    frames
}

fn anthropic(said: &Said) -> Vec<String> {
    let usage = json!({"input_tokens": 70, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 30,
        "output_tokens": 1});
    let mut frames = vec![event(&json!({"type": "message_start",
        "message": {"id": "m1", "role": "assistant", "model": "claude-served", "content": [], "usage": usage}}))];
    let mut index = 0;
    let mut block = |start: Json, deltas: Vec<Json>| {
        frames.push(event(&json!({"type": "content_block_start", "index": index, "content_block": start})));
        for delta in deltas {
            frames.push(event(&json!({"type": "content_block_delta", "index": index, "delta": delta})));
        }
        frames.push(event(&json!({"type": "content_block_stop", "index": index})));
        index += 1;
    };
    if !said.reasoning.is_empty() {
        block(
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            vec![
                json!({"type": "thinking_delta", "thinking": said.reasoning}),
                json!({"type": "signature_delta", "signature": said.signature}),
            ],
        );
        block(json!({"type": "redacted_thinking", "data": "sealed"}), Vec::new());
    }
    if !said.text.is_empty() {
        let deltas = said.text.iter().map(|text| json!({"type": "text_delta", "text": text})).collect();
        block(json!({"type": "text", "text": ""}), deltas);
    }
    for (at, (name, arguments)) in said.calls.iter().enumerate() {
        let written = arguments.to_string();
        let (head, tail) = written.split_at(written.len() / 2);
        let deltas = [head, tail].map(|part| json!({"type": "input_json_delta", "partial_json": part}));
        let start = json!({"type": "tool_use", "id": format!("call_{at}"), "name": name, "input": {}});
        block(start, deltas.to_vec());
    }
    frames.insert(1, event(&json!({"type": "ping"})));
    let stop = match said.finish {
        Finish::Stop if said.calls.is_empty() => "end_turn",
        Finish::Stop => "tool_use",
        Finish::Length => "max_tokens",
        Finish::Filtered => "refusal",
    };
    frames.push(event(&json!({"type": "message_delta", "delta": {"stop_reason": stop},
        "usage": {"output_tokens": 34, "output_tokens_details": {"thinking_tokens": 12}}})));
    frames.push(event(&json!({"type": "message_stop"})));
    frames
}

fn gemini(said: &Said) -> Vec<String> {
    let usage = json!({"promptTokenCount": 120, "cachedContentTokenCount": 20, "candidatesTokenCount": 22,
        "thoughtsTokenCount": 12, "totalTokenCount": 154});
    let chunk = |parts: Json, finish: Option<&str>| {
        // Its counts grow from frame to frame.
        let usage = if finish.is_some() { usage.clone() } else { json!({"promptTokenCount": 120}) };
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        data(&json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-served"}))
    };
    let mut frames = Vec::new();
    if !said.reasoning.is_empty() {
        frames.push(chunk(json!([{"text": said.reasoning, "thought": true}]), None));
    }
    frames.extend(said.text.iter().map(|text| chunk(json!([{"text": text}]), None)));
    let calls = said.calls.iter().enumerate().map(|(index, (name, arguments))| {
        let mut part =
            json!({"functionCall": {"id": format!("call_{index}"), "name": name, "args": arguments}});
        if index == 0 && !said.signature.is_empty() {
            part["thoughtSignature"] = json!(said.signature);
        }
        part
    });
    let calls: Vec<Json> = calls.collect();
    if !calls.is_empty() {
        frames.push(chunk(json!(calls), None));
    }
    let finish = match said.finish {
        Finish::Stop => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered => "SAFETY",
    };
    frames.push(chunk(json!([{"text": ""}]), Some(finish)));
    frames
}

fn ollama(said: &Said) -> Vec<String> {
    let line = |message: Json| {
        format!(
            "{}\n",
            json!({"model": "llama-served", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false})
        )
    };
    let mut frames = Vec::new();
    if !said.reasoning.is_empty() {
        frames.push(line(json!({"role": "assistant", "content": "", "thinking": said.reasoning})));
    }
    frames.extend(said.text.iter().map(|text| line(json!({"role": "assistant", "content": text}))));
    let calls = said
        .calls
        .iter()
        .map(|(name, arguments)| json!({"function": {"name": name, "arguments": arguments}}));
    let calls: Vec<Json> = calls.collect();
    if !calls.is_empty() {
        frames.push(line(json!({"role": "assistant", "content": "", "tool_calls": calls})));
    }
    let why = if said.finish == Finish::Length { "length" } else { "stop" };
    frames.push(format!("{}\n", json!({"model": "llama-served", "message": {"role": "assistant", "content": ""},
        "done": true, "done_reason": why, "prompt_eval_count": 120, "prompt_eval_cached_count": 20, "eval_count": 34})));
    frames
}
