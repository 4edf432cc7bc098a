//! Prompts, answers, arguments and results, as spans hold them: JSON of the conventions, bounded in size.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::llm::{FinishReason, Message, Part, Role};
use crate::value::Value;

/// The most bytes of one attribute.
pub const MAX_CONTENT_BYTES: usize = 32 << 10;
/// The most bytes of one text within.
const MAX_TEXT_BYTES: usize = 8 << 10;
/// The most bytes of a name within.
const MAX_NAME_BYTES: usize = 128;
/// What a part takes besides what it says, and less than which no part is begun for.
const MIN_ROOM: usize = 512;

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

/// The instructions among messages, and of the others the last ones, as many as an attribute has room for. They are whole: what
/// is cut before it is looked at may hide the half of a secret.
#[must_use]
pub fn shown(of: &[Arc<Message>]) -> Vec<Arc<Message>> {
    let mut left = MAX_CONTENT_BYTES;
    let last = of.iter().rev().filter(|message| {
        let is_kept = message.role == Role::System || left > 0;
        if message.role != Role::System && left > 0 {
            left = left.saturating_sub(message.parts.iter().map(size).sum());
        }
        is_kept
    });
    let mut last: Vec<Arc<Message>> = last.cloned().collect();
    last.reverse();
    last
}

/// The instructions among messages; nothing if there are none. Of many the last ones.
#[must_use]
pub fn system_instructions<'m>(of: impl IntoIterator<Item = &'m Message>) -> Option<String> {
    let told = of.into_iter().filter(|message| message.role == Role::System);
    let told: Vec<&Part> = told.flat_map(|message| &message.parts).collect();
    let parts = parts(told.into_iter().rev(), &mut (MAX_CONTENT_BYTES - 2));
    (!parts.is_empty()).then(|| format!("[{}]", parts.join(",")))
}

/// Messages other than instructions. Of many the last ones; the first of these is cut to what is left. `finish` is why the
/// model stopped, in what it said.
#[must_use]
pub fn messages<'m>(of: impl IntoIterator<Item = &'m Message>, finish: Option<FinishReason>) -> String {
    let said: Vec<&Message> = of.into_iter().filter(|message| message.role != Role::System).collect();
    let finish = finish.map_or_else(String::new, |why| format!(r#","finish_reason":"{}""#, reason(why)));
    let mut left = MAX_CONTENT_BYTES - 2;
    let mut kept = Vec::new();
    for message in said.into_iter().rev() {
        let head = format!(r#"{{"role":"{}","parts":["#, role(message.role));
        let Some(mut room) = left.checked_sub(head.len() + finish.len() + "]},".len()) else { break };
        let written = parts(message.parts.iter().rev(), &mut room);
        if written.is_empty() && room < MIN_ROOM {
            break;
        }
        let text = format!("{head}{}]{finish}}}", written.join(","));
        left = left.saturating_sub(text.len() + 1);
        kept.push(text);
    }
    kept.reverse();
    format!("[{}]", kept.join(","))
}

/// A value as JSON; the beginning of that as a text where it has more bytes than an attribute may.
#[must_use]
pub fn bounded(value: &Value) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    if text.len() <= MAX_CONTENT_BYTES {
        text
    } else {
        Json::from(fit(&text, MAX_CONTENT_BYTES - 2)).to_string()
    }
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

/// Parts that are given from the last one on, in order, as many as there is room for; what has no room as a whole is cut.
fn parts<'p>(last_first: impl Iterator<Item = &'p Part>, room: &mut usize) -> Vec<String> {
    let mut kept = Vec::new();
    for of in last_first {
        let most = room.saturating_sub(MIN_ROOM).min(MAX_TEXT_BYTES);
        if most == 0 {
            break;
        }
        let Some(text) = part(of, most).map(|one| one.to_string()) else { continue };
        *room = room.saturating_sub(text.len() + 1);
        kept.push(text);
    }
    kept.reverse();
    kept
}

/// A part, with so many bytes of what it says.
fn part(part: &Part, most: usize) -> Option<Json> {
    Some(match part {
        Part::Text { text } => json!({"type": "text", "content": fit(text, most)}),
        Part::Reasoning { text } => json!({"type": "reasoning", "content": fit(text, most)}),
        Part::Blob { blob } => json!({"type": "file", "file_id": blob.hash.to_string()}),
        Part::ToolCall { id, name, arguments } => {
            let (id, name) = (fit(id, MAX_NAME_BYTES), fit(name, MAX_NAME_BYTES));
            json!({"type": "tool_call", "id": id, "name": name, "arguments": small(arguments, most)})
        }
        Part::ToolResult { call_id, content, is_error: _ } => {
            let id = fit(call_id, MAX_NAME_BYTES);
            json!({"type": "tool_call_response", "id": id, "response": small(content, most)})
        }
        // It is the vendor's, and sealed.
        Part::Opaque { .. } => return None,
    })
}

/// About how much of an attribute a part takes.
fn size(of: &Part) -> usize {
    let text = |text: &str| text.len().min(MAX_TEXT_BYTES);
    match of {
        Part::Text { text: said } | Part::Reasoning { text: said } => text(said),
        Part::ToolCall { arguments: value, .. } | Part::ToolResult { content: value, .. } => {
            text(&serde_json::to_string(value).unwrap_or_default())
        }
        Part::Blob { .. } | Part::Opaque { .. } => 0,
    }
}

/// A value as it is, or the beginning of its text if it is large.
fn small(value: &Value, most: usize) -> Json {
    let whole = Json::from(value);
    let text = whole.to_string();
    if text.len() <= most { whole } else { Json::from(fit(&text, most)) }
}

/// A text that has at most so many bytes once it is written as JSON, without the quotes.
fn fit(text: &str, most: usize) -> String {
    const MARK: char = '…';
    let (mut taken, mut end) = (0, 0);
    for (at, sign) in text.char_indices() {
        taken += match sign {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..' ' => 6,
            sign => sign.len_utf8(),
        };
        if taken > most {
            let mut short = text.get(..end).unwrap_or_default().to_owned();
            short.push(MARK);
            return short;
        }
        if taken + MARK.len_utf8() <= most {
            end = at + sign.len_utf8();
        }
    }
    text.to_owned()
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
        assert!(value.len() <= MAX_CONTENT_BYTES && value.ends_with("…\""));
        assert!(serde_json::from_str::<Json>(&value).unwrap().as_str().unwrap().starts_with("\"xxx"));
        assert_eq!(bounded(&Value::map([("a", Value::from(1))])), r#"{"a":1}"#);
    }

    #[test]
    fn a_large_last_message_keeps_what_there_is_room_for() {
        let gave = |sign: &str| Part::ToolResult {
            call_id: "i".repeat(1_000),
            content: Value::from(sign.repeat(20_000)),
            is_error: false,
        };
        for sign in ["a", "\n", "\u{1}", "\"", "ä"] {
            let large = Message { role: Role::Tool, parts: (0..9).map(|_| gave(sign)).collect() };
            let all = [Message::text(Role::User, "first"), large];
            let text = messages(&all, Some(FinishReason::Stop));
            assert!(text.len() <= MAX_CONTENT_BYTES, "{sign:?}: {}", text.len());
            let read: Vec<Json> = serde_json::from_str(&text).unwrap();
            assert_eq!(read.len(), 1, "{sign:?}");
            assert!(read[0]["parts"].as_array().unwrap().len() >= 2, "{sign:?}: {text}");
            let all = [Message { role: Role::System, parts: all[1].parts.clone() }];
            let told = system_instructions(&all).unwrap();
            assert!(
                told.len() <= MAX_CONTENT_BYTES && serde_json::from_str::<Json>(&told).is_ok(),
                "{sign:?}"
            );
        }
    }

    #[test]
    fn only_what_has_room_is_looked_at() {
        let said = |role, bytes: usize| Arc::new(Message::text(role, "x".repeat(bytes)));
        let mut all = vec![said(Role::System, 9)];
        all.extend((0..100).map(|_| said(Role::User, 20_000)));
        all.push(said(Role::User, 1));
        let kept = shown(&all);
        // The instructions, the last, and four and a bit of 8 KiB each.
        assert_eq!((kept.len(), kept[0].role), (6, Role::System));
        assert_eq!(kept.last(), all.last());
    }
}
