//! From what the client gathered to an answer of the port.

use genai::chat::{ContentPart, StopReason, StreamEnd};
use ice_core::llm::{FinishReason, LlmError, LlmErrorKind, Message, Part, Response, Role, Usage};
use ice_core::value::Value;

use super::names::Names;
use super::opaque;
use super::watcher::Seen;

/// The answer at the end of a stream.
///
/// # Errors
/// [`LlmErrorKind::Truncated`] if the vendor never said that it is done or a piece cannot be read, [`LlmErrorKind::Refused`] if it withheld the rest.
pub(super) fn answer(
    (provider, model): (&str, &str),
    end: StreamEnd,
    seen: Seen,
    names: &Names,
    estimate: impl FnOnce(&Message) -> Usage,
) -> Result<Response, LlmError> {
    let StreamEnd { captured_stop_reason, captured_content, captured_reasoning_content, .. } = end;
    let mut parts = Vec::new();
    for part in captured_content.map(|content| content.into_parts()).unwrap_or_default() {
        parts.extend(from_part(provider, names, part));
    }
    let has_reasoning = parts.iter().any(|part| matches!(part, Part::Reasoning { .. }));
    if let Some(text) = captured_reasoning_content.filter(|text| !text.is_empty() && !has_reasoning) {
        parts.insert(0, Part::Reasoning { text });
    }
    let calls_tools = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let message = Message { role: Role::Assistant, parts };
    let usage = match seen.usage {
        // Some tell of what was written at the end alone, and this has none.
        Some(told) if told.output == 0 && !message.parts.is_empty() => {
            Usage { output: estimate(&message).output, estimated: true, ..told }
        }
        Some(told) => told,
        None => estimate(&message),
    };
    let fail =
        |kind, text: String| LlmError { usage, another_model_helps: true, ..LlmError::new(kind, text) };
    if seen.is_broken {
        return Err(fail(LlmErrorKind::Truncated, format!("`{provider}` sent what is no part of an answer")));
    }
    let finish = match captured_stop_reason {
        Some(StopReason::ContentFilter(why)) => {
            return Err(fail(LlmErrorKind::Refused, format!("`{provider}` withheld the answer: {why}")));
        }
        Some(StopReason::MaxTokens(_)) => FinishReason::Length,
        Some(_) if calls_tools => FinishReason::ToolCalls,
        Some(StopReason::ToolCall(_)) => FinishReason::ToolCalls,
        Some(StopReason::Completed(_) | StopReason::StopSequence(_) | StopReason::Other(_)) => {
            FinishReason::Stop
        }
        None => {
            let text = format!("`{provider}` broke off in the middle of the answer");
            return Err(fail(LlmErrorKind::Truncated, text));
        }
    };
    let mut message = message;
    if finish != FinishReason::Length {
        // Nothing was cut off: this is how some write a call without arguments.
        for part in &mut message.parts {
            if let Part::ToolCall { arguments, .. } = part
                && arguments.as_str() == Some("")
            {
                *arguments = Value::empty_map();
            }
        }
    }
    if let Some(refusal) = seen.refusal {
        return Err(fail(LlmErrorKind::Refused, format!("the model refuses: {refusal}")));
    }
    Ok(Response { message, usage, finish, model: seen.model.unwrap_or_else(|| model.to_owned()) })
}

fn from_part(provider: &str, names: &Names, part: ContentPart) -> Vec<Part> {
    match part {
        ContentPart::Text(text) if text.is_empty() => Vec::new(),
        ContentPart::Text(text) => vec![Part::Text { text }],
        ContentPart::ToolCall(call) => {
            let signed = call.thought_signatures.filter(|signatures| !signatures.is_empty());
            let signed = signed.map(|signatures| opaque::call(provider, &call.call_id, signatures));
            // What a model leaves out is nothing.
            let arguments = Some(Value::from(call.fn_arguments)).filter(|given| !given.is_null());
            let arguments = arguments.unwrap_or_else(Value::empty_map);
            let call = Part::ToolCall { id: call.call_id, name: names.here(&call.fn_name), arguments };
            signed.into_iter().chain([call]).collect()
        }
        ContentPart::ThoughtSignature(text) => vec![opaque::signature(provider, text)],
        ContentPart::ReasoningContent(text) => vec![Part::Reasoning { text }],
        ContentPart::Custom(custom) => vec![opaque::block(provider, custom.data)],
        // Pictures that a model makes are not asked for.
        ContentPart::Binary(_) | ContentPart::ToolResponse(_) => Vec::new(),
    }
}
