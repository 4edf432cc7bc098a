//! Prompts, answers, arguments and results, as spans hold them: JSON of the conventions, bounded in size.

use serde_json::{Value as Json, json};

use crate::llm::{FinishReason, Message, Part, Role};
use crate::value::Value;

/// The most bytes of one attribute.
pub const MAX_CONTENT_BYTES: usize = 32 << 10;
/// The most bytes of one text within.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// Whether spans hold what is said: prompts, answers, arguments and results of tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageContent {
    /// They say that something was said, and how much.
    #[default]
    Omitted,
    /// They hold it, after whoever looks at prompts has.
    Captured,
}

impl MessageContent {
    /// Whether it is to be recorded.
    #[must_use]
    pub const fn is_captured(self) -> bool {
        match self {
            Self::Omitted => false,
            Self::Captured => true,
        }
    }
}

/// The instructions among messages; nothing if there are none.
#[must_use]
pub fn system_instructions<'m>(of: impl IntoIterator<Item = &'m Message>) -> Option<String> {
    let told = of.into_iter().filter(|message| message.role == Role::System);
    let parts: Vec<Json> = told.flat_map(|message| &message.parts).filter_map(part).collect();
    (!parts.is_empty()).then(|| list(parts))
}

/// Messages other than instructions. Of many the last ones; `finish` is why the model stopped, in what it said.
#[must_use]
pub fn messages<'m>(of: impl IntoIterator<Item = &'m Message>, finish: Option<FinishReason>) -> String {
    let said = of.into_iter().filter(|message| message.role != Role::System);
    let written = said.map(|message| {
        let parts: Vec<Json> = message.parts.iter().filter_map(part).collect();
        let mut written = json!({"role": role(message.role), "parts": parts});
        if let (Some(finish), Some(fields)) = (finish, written.as_object_mut()) {
            fields.insert("finish_reason".to_owned(), Json::from(reason(finish)));
        }
        written
    });
    list(written.collect())
}

/// A value, cut where it has more bytes than an attribute may.
#[must_use]
pub fn bounded(value: &Value) -> String {
    cut(serde_json::to_string(value).unwrap_or_default(), MAX_CONTENT_BYTES)
}

/// Why a model stopped, as the conventions say it.
#[must_use]
pub const fn reason(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_call",
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

/// The last of these that fit, in order. What is too large by itself is left out with what comes before it.
fn list(mut written: Vec<Json>) -> String {
    let mut left = MAX_CONTENT_BYTES - 2;
    let mut kept = Vec::new();
    while let Some(text) = written.pop().map(|one| one.to_string()) {
        let Some(rest) = left.checked_sub(text.len() + 1) else { break };
        left = rest;
        kept.push(text);
    }
    kept.reverse();
    format!("[{}]", kept.join(","))
}

fn part(part: &Part) -> Option<Json> {
    Some(match part {
        Part::Text { text } => json!({"type": "text", "content": short(text)}),
        Part::Reasoning { text } => json!({"type": "reasoning", "content": short(text)}),
        Part::Blob { blob } => json!({"type": "file", "file_id": blob.hash.to_string()}),
        Part::ToolCall { id, name, arguments } => {
            json!({"type": "tool_call", "id": id, "name": name, "arguments": small(arguments)})
        }
        Part::ToolResult { call_id, content, is_error: _ } => {
            json!({"type": "tool_call_response", "id": call_id, "response": small(content)})
        }
        // It is the vendor's, and sealed.
        Part::Opaque { .. } => return None,
    })
}

fn short(text: &str) -> String {
    cut(text.to_owned(), MAX_TEXT_BYTES)
}

/// A value as it is, or the beginning of its text if it is large.
fn small(value: &Value) -> Json {
    let whole = Json::from(value);
    let text = whole.to_string();
    if text.len() <= MAX_TEXT_BYTES { whole } else { Json::from(cut(text, MAX_TEXT_BYTES)) }
}

fn cut(mut text: String, most: usize) -> String {
    const MARK: &str = "…";
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most - MARK.len()));
        text.push_str(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_conventions() {
        let call = Part::ToolCall {
            id: "1".to_owned(),
            name: "add".to_owned(),
            arguments: Value::map([("a", Value::from(1))]),
        };
        let gave = Part::ToolResult { call_id: "1".to_owned(), content: Value::from(3), is_error: false };
        let all = [
            Message::text(Role::System, "Be short."),
            Message::text(Role::User, "1 + 2?"),
            Message { role: Role::Assistant, parts: vec![Part::Reasoning { text: "hm".to_owned() }, call] },
            Message { role: Role::Tool, parts: vec![gave] },
        ];
        let read = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        assert_eq!(
            read(&system_instructions(&all).unwrap()),
            json!([{"type": "text", "content": "Be short."}])
        );
        assert_eq!(
            read(&messages(&all, None)),
            json!([
                {"role": "user", "parts": [{"type": "text", "content": "1 + 2?"}]},
                {"role": "assistant", "parts": [
                    {"type": "reasoning", "content": "hm"},
                    {"type": "tool_call", "id": "1", "name": "add", "arguments": {"a": 1}},
                ]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": 3}]},
            ])
        );
        let said = messages(&[Message::text(Role::Assistant, "3")], Some(FinishReason::ToolCalls));
        assert_eq!(read(&said)[0]["finish_reason"], "tool_call");
        assert_eq!(system_instructions(&all[1..]), None);
    }

    #[test]
    fn what_is_long_is_cut_and_stays_json_with_its_end() {
        let long = |number: usize| Message::text(Role::User, format!("{number}{}", "ä".repeat(50_000)));
        let all: Vec<Message> = (0..9).map(long).chain([Message::text(Role::User, "last")]).collect();
        let text = messages(&all, None);
        assert!(text.len() <= MAX_CONTENT_BYTES, "{}", text.len());
        let read: Vec<Json> = serde_json::from_str(&text).unwrap();
        assert_eq!(read.last().unwrap()["parts"][0]["content"], "last");
        assert!((2..9).contains(&read.len()), "{}", read.len());
        assert!(read[0]["parts"][0]["content"].as_str().unwrap().ends_with('…'));
        let value = bounded(&Value::from("x".repeat(100_000)));
        assert!(value.len() <= MAX_CONTENT_BYTES && value.ends_with('…'));
        assert_eq!(bounded(&Value::map([("a", Value::from(1))])), r#"{"a":1}"#);
    }
}
