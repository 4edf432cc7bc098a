//! What comes back: text, reasoning, calls of tools, tokens, why it ended; the same from every vendor.

use ice_core::llm::{
    FinishReason, LlmContext, LlmErrorKind, LlmProvider, Message, Part, Request, Role, ToolDefinition, Usage,
};
use ice_core::value::Value;
use ice_integrations::llm::Protocol;
use serde_json::json;

use super::server::Server;
use super::wire::{Finish, Said, reply};
use super::{heard, vendor};

/// What every server of the tests says it spent.
fn usage(protocol: Protocol) -> Usage {
    let all = Usage { input: 120, output: 34, cached: 20, reasoning: 12, ..Usage::default() };
    match protocol {
        Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::DeepSeek | Protocol::Gemini => all,
        Protocol::Anthropic => Usage { cache_write: 30, ..all },
        // It does not tell them apart.
        Protocol::Ollama => Usage { reasoning: 0, ..all },
    }
}

fn served(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::DeepSeek => "gpt-served",
        Protocol::Anthropic => "claude-served",
        Protocol::Gemini => "gemini-served",
        Protocol::Ollama => "llama-served",
    }
}

#[tokio::test]
async fn a_text_comes_in_pieces_and_whole() {
    let said = Said { text: vec!["Good ", "mörning", ", 世界"], ..Said::default() };
    for protocol in Protocol::ALL {
        let server = Server::start(vec![reply(protocol, &said)]).await;
        let model = vendor(protocol, &server);
        let request = Request::prompt("m", "hello");
        let (text, reasoning, end) = heard(&model, &LlmContext::default(), request.clone()).await;
        let response = end.unwrap();
        assert_eq!((text.as_str(), reasoning.as_str()), ("Good mörning, 世界", ""), "{protocol:?}");
        assert_eq!(response.message, Message::text(Role::Assistant, "Good mörning, 世界"), "{protocol:?}");
        assert_eq!((response.finish, response.usage), (FinishReason::Stop, usage(protocol)), "{protocol:?}");
        assert_eq!(response.model, served(protocol));
        // The same without listening to the pieces.
        assert_eq!(model.complete(&LlmContext::default(), request).await.unwrap(), response, "{protocol:?}");
    }
}

/// A question with two tools.
fn with_tools() -> Request {
    let tool = |name: &str| ToolDefinition {
        name: name.to_owned(),
        description: "Does something.".to_owned(),
        input_schema: Value::empty_map(),
    };
    Request { tools: vec![tool("files.read"), tool("now")], ..Request::prompt("m", "x") }
}

#[tokio::test]
async fn tools_are_asked_for_several_at_once() {
    let calls = vec![("files-read", json!({"path": "a", "deep": {"n": [1, 2]}})), ("now", json!({}))];
    let said = Said { text: vec!["Let me look."], calls, ..Said::default() };
    for protocol in Protocol::ALL {
        let server = Server::start(vec![reply(protocol, &said)]).await;
        let (text, _, end) = heard(&vendor(protocol, &server), &LlmContext::default(), with_tools()).await;
        let response = end.unwrap();
        assert_eq!(
            (text.as_str(), response.finish),
            ("Let me look.", FinishReason::ToolCalls),
            "{protocol:?}"
        );
        let calls = response.message.parts.iter().filter_map(|part| match part {
            Part::ToolCall { id, name, arguments } => Some((id.clone(), name.clone(), arguments.clone())),
            Part::Text { .. }
            | Part::Blob { .. }
            | Part::ToolResult { .. }
            | Part::Reasoning { .. }
            | Part::Opaque { .. } => None,
        });
        let calls: Vec<_> = calls.collect();
        let (ids, rest): (Vec<_>, Vec<_>) =
            calls.into_iter().map(|(id, name, with)| (id, (name, with))).unzip();
        let first = Value::from(json!({"path": "a", "deep": {"n": [1, 2]}}));
        assert_eq!(
            rest,
            [("files.read".to_owned(), first), ("now".to_owned(), Value::empty_map())],
            "{protocol:?}"
        );
        assert!(ids[0] != ids[1] && !ids[0].is_empty(), "{protocol:?}: {ids:?}");
    }
}

#[tokio::test]
async fn an_answer_at_its_limit_says_so() {
    let said = Said { text: vec!["On and"], finish: Finish::Length, ..Said::default() };
    for protocol in Protocol::ALL {
        let server = Server::start(vec![reply(protocol, &said)]).await;
        let model = vendor(protocol, &server);
        let response = model.complete(&LlmContext::default(), Request::prompt("m", "x")).await.unwrap();
        assert_eq!(response.finish, FinishReason::Length, "{protocol:?}");
        assert_eq!((response.message.joined_text().as_str(), response.usage), ("On and", usage(protocol)));
    }
}

#[tokio::test]
async fn what_is_withheld_is_a_refusal_that_was_paid_for() {
    let said = Said { text: vec!["Well, "], finish: Finish::Filtered, ..Said::default() };
    for protocol in [Protocol::OpenAi, Protocol::Anthropic, Protocol::Gemini, Protocol::DeepSeek] {
        let server = Server::start(vec![reply(protocol, &said)]).await;
        let model = vendor(protocol, &server);
        let error = model.complete(&LlmContext::default(), Request::prompt("m", "x")).await.unwrap_err();
        assert_eq!((error.kind, error.usage), (LlmErrorKind::Refused, usage(protocol)), "{protocol:?}");
        assert!(error.another_model_helps, "{protocol:?}");
    }
}

#[tokio::test]
async fn reasoning_is_heard_and_goes_back_as_its_vendor_wants_it() {
    let calls = vec![("now", json!({"zone": "UTC"}))];
    let said = Said {
        reasoning: "I should ask for the time.",
        signature: "c2lnbmVk",
        text: vec!["One moment."],
        calls,
        ..Said::default()
    };
    for protocol in Protocol::ALL {
        let server = Server::start(vec![reply(protocol, &said)]).await;
        let model = vendor(protocol, &server);
        let mut request = Request::prompt("m", "x");
        let (_, reasoning, end) = heard(&model, &LlmContext::default(), request.clone()).await;
        let message = end.unwrap().message;
        assert_eq!(reasoning, said.reasoning, "{protocol:?}");
        let kept = message.parts.iter().find_map(|part| match part {
            Part::Reasoning { text } => Some(text.as_str()),
            Part::Text { .. }
            | Part::Blob { .. }
            | Part::ToolCall { .. }
            | Part::ToolResult { .. }
            | Part::Opaque { .. } => None,
        });
        assert_eq!(kept, Some(said.reasoning), "{protocol:?}");

        // Kept in a journal and read again, it is sent back with the next question.
        let journaled: Message = serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
        let call_id = message.parts.iter().find_map(|part| match part {
            Part::ToolCall { id, .. } => Some(id.clone()),
            Part::Text { .. }
            | Part::Blob { .. }
            | Part::ToolResult { .. }
            | Part::Reasoning { .. }
            | Part::Opaque { .. } => None,
        });
        let content = Value::from("noon");
        let result = Part::ToolResult { call_id: call_id.unwrap(), content, is_error: false };
        request.messages.push(journaled.into());
        request.messages.push(Message { role: Role::Tool, parts: vec![result] }.into());
        model.complete(&LlmContext::default(), request).await.unwrap();
        let body = server.asked().pop().unwrap().body;
        let expected = match protocol {
            Protocol::OpenAi | Protocol::Ollama => None,
            Protocol::OpenAiResponses => Some(json!(["c2lnbmVk"])),
            Protocol::Anthropic => Some(json!([
                {"type": "thinking", "thinking": said.reasoning, "signature": "c2lnbmVk"},
                {"type": "redacted_thinking", "data": "sealed"},
            ])),
            Protocol::Gemini => Some(json!("c2lnbmVk")),
            Protocol::DeepSeek => Some(json!(said.reasoning)),
        };
        let found = match protocol {
            Protocol::OpenAi | Protocol::DeepSeek => body.pointer("/messages/1/reasoning_content").cloned(),
            Protocol::Ollama => body.pointer("/messages/1/thinking").cloned(),
            Protocol::OpenAiResponses => {
                let items = body["input"].as_array().unwrap().iter();
                let sealed = items.filter_map(|item| item.get("encrypted_content").cloned());
                Some(serde_json::Value::from(sealed.collect::<Vec<_>>()))
            }
            Protocol::Anthropic => {
                let parts = body["messages"][1]["content"].as_array().unwrap().iter();
                let kinds = ["thinking", "redacted_thinking"];
                let thinking = parts.filter(|part| kinds.contains(&part["type"].as_str().unwrap()));
                Some(serde_json::Value::from(thinking.cloned().collect::<Vec<_>>()))
            }
            Protocol::Gemini => {
                let parts = body["contents"][1]["parts"].as_array().unwrap();
                parts.iter().find_map(|part| part.get("thoughtSignature").cloned())
            }
        };
        assert_eq!(found, expected, "{protocol:?}: {body:#}");
    }
}

#[tokio::test]
async fn one_vendor_is_not_sent_what_another_sealed() {
    let said = Said { text: vec!["ok"], ..Said::default() };
    for protocol in Protocol::ALL {
        let server = Server::start(vec![reply(protocol, &said)]).await;
        let sealed = Part::Opaque {
            provider: "another".to_owned(),
            data: Value::map([("signature", Value::from("not-for-you"))]),
        };
        let text = Part::Text { text: "Hm.".to_owned() };
        let mut request = Request::prompt("m", "x");
        request.messages.push(Message { role: Role::Assistant, parts: vec![sealed, text] }.into());
        request.messages.push(Message::text(Role::User, "and?").into());
        vendor(protocol, &server).complete(&LlmContext::default(), request).await.unwrap();
        let body = server.asked().pop().unwrap().body.to_string();
        assert!(!body.contains("not-for-you") && body.contains("Hm."), "{protocol:?}: {body}");
    }
}

#[tokio::test]
async fn tokens_that_no_vendor_tells_are_estimated_and_marked() {
    let frames = [
        "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"12345678\"},\"finish_reason\":null}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]\n\n",
    ];
    let pieces = frames.map(|frame| super::server::Piece::Bytes(frame.to_owned())).to_vec();
    let server = Server::start(vec![super::server::Reply::of(200, "text/event-stream", pieces)]).await;
    let model = vendor(Protocol::OpenAi, &server);
    let response = model.complete(&LlmContext::default(), Request::prompt("m", "abcdefgh")).await.unwrap();
    assert_eq!(response.usage, Usage { input: 2, output: 2, estimated: true, ..Usage::default() });
}
