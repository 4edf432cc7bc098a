//! From what a server answers to values.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ice_core::error::ErrorCode;
use ice_core::plain;
use ice_core::tools::ToolError;
use ice_core::value::Value;
use rmcp::model::{
    CallToolResult, ContentBlock, GetPromptResult, ReadResourceResult, ResourceContents, Role,
};

use super::ports::SecretText;

/// How answers become values: what of them is passed on, and what is not to be seen in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// The largest attachment that is passed on, in bytes.
    pub(super) attachment: u64,
    /// What is masked.
    pub(super) secrets: Arc<[SecretText]>,
}

/// The shortest secret that is masked, in bytes: a shorter one would be found everywhere.
const SHORTEST: usize = 4;

impl Reading {
    /// The answer of a tool: its structured content, if it has any; else the text of its parts in `text`, joined by line ends, and
    /// in `parts` whatever is not text. A failure of the tool is an error, in its own words.
    pub(super) fn tool(&self, label: &str, result: CallToolResult) -> Result<Value, ToolError> {
        if result.is_error == Some(true) {
            let text = self.masked(&text_of(&result.content));
            let why = plain::lines(&text, 2_000);
            let why = if why.is_empty() { "it did not say why".to_owned() } else { why };
            return Err(ToolError::failed(ErrorCode::ToolFailed, format!("`{label}` failed: {why}")));
        }
        if let Some(structured) = result.structured_content {
            return Ok(self.value(structured));
        }
        let parts = result.content.iter().filter_map(|part| self.part(part));
        let parts: Vec<Value> = parts.collect();
        let text = Value::string(self.masked(&text_of(&result.content)));
        let parts = (!parts.is_empty()).then(|| ("parts", Value::list(parts)));
        Ok(Value::map([("text", text)].into_iter().chain(parts)))
    }

    /// What was read of a resource: its text in `text`, and every piece of it in `contents`.
    pub(super) fn resource(&self, result: &ReadResourceResult) -> Value {
        let texts: Vec<&str> = result.contents.iter().filter_map(text_of_resource).collect();
        let contents = result.contents.iter().map(|contents| self.contents(contents));
        Value::map([
            ("text", Value::string(self.masked(&texts.join("\n")))),
            ("contents", Value::list(contents)),
        ])
    }

    /// A prompt: its text in `text`, and its messages, each with its role.
    pub(super) fn prompt(&self, result: &GetPromptResult) -> Value {
        let texts: Vec<String> =
            result.messages.iter().filter_map(|message| text_of_block(&message.content)).collect();
        let messages = result.messages.iter().map(|message| {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            let content = match self.part(&message.content) {
                Some(part) => ("part", part),
                None => {
                    ("text", Value::string(self.masked(&text_of_block(&message.content).unwrap_or_default())))
                }
            };
            Value::map([("role", Value::string(role)), content])
        });
        let description =
            result.description.as_ref().map(|text| ("description", Value::string(self.masked(text))));
        let fields = [("text", Value::string(self.masked(&texts.join("\n"))))];
        let messages = ("messages", Value::list(messages));
        Value::map(fields.into_iter().chain(description).chain([messages]))
    }

    /// What is not text of an answer: nothing for text.
    fn part(&self, part: &ContentBlock) -> Option<Value> {
        let kind = |kind: &str| ("type", Value::string(kind));
        match part {
            ContentBlock::Image(image) => Some(Value::map(
                [kind("image")].into_iter().chain(self.attachment(&image.data, Some(&image.mime_type))),
            )),
            ContentBlock::Audio(audio) => Some(Value::map(
                [kind("audio")].into_iter().chain(self.attachment(&audio.data, Some(&audio.mime_type))),
            )),
            ContentBlock::Resource(resource) => {
                let contents = self.contents(&resource.resource);
                Some(Value::map([kind("resource"), ("resource", contents)]))
            }
            ContentBlock::ResourceLink(link) => {
                let optional = [
                    ("description", link.description.clone()),
                    ("media_type", link.mime_type.clone()),
                    ("title", link.title.clone()),
                ];
                let optional =
                    optional.into_iter().filter_map(|(name, text)| Some((name, self.text(&text?))));
                let fields = [kind("link"), ("uri", self.text(&link.uri)), ("name", self.text(&link.name))];
                Some(Value::map(fields.into_iter().chain(optional)))
            }
            ContentBlock::Text(_) => None,
            // A kind of content that is newer than this.
            _ => Some(Value::map([kind("unknown")])),
        }
    }

    fn contents(&self, contents: &ResourceContents) -> Value {
        match contents {
            ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
                let media_type = mime_type.as_ref().map(|kind| ("media_type", self.text(kind)));
                let fields = [("uri", self.text(uri)), ("text", self.text(text))];
                Value::map(fields.into_iter().chain(media_type))
            }
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let data = self.attachment(blob, mime_type.as_deref());
                Value::map([("uri", self.text(uri))].into_iter().chain(data))
            }
            _ => Value::empty_map(),
        }
    }

    /// What is said of bytes in base64, and the bytes themselves if they are few enough.
    fn attachment(&self, data: &str, media_type: Option<&str>) -> Vec<(&'static str, Value)> {
        let media_type = media_type.map(|kind| ("media_type", self.text(kind)));
        // Decoded for its length alone, which also shows whether it is base64 at all.
        let Ok(bytes) = STANDARD.decode(data) else {
            return media_type.into_iter().chain([("broken", Value::Bool(true))]).collect();
        };
        let length = bytes.len() as u64;
        let rest = if length <= self.attachment {
            ("data", Value::string(data))
        } else {
            ("left_out", Value::Bool(true))
        };
        media_type.into_iter().chain([("bytes", Value::from(length)), rest]).collect()
    }

    fn text(&self, text: &str) -> Value {
        Value::string(self.masked(text))
    }

    /// A JSON value with its secrets masked.
    fn value(&self, value: serde_json::Value) -> Value {
        let value = Value::from(value);
        if self.secrets.is_empty() { value } else { self.masked_value(&value) }
    }

    fn masked_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text),
            Value::List(items) => Value::list(items.iter().map(|item| self.masked_value(item))),
            Value::Map(entries) => {
                Value::map(entries.iter().map(|(key, item)| (self.masked(key), self.masked_value(item))))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => value.clone(),
        }
    }

    fn masked(&self, text: &str) -> String {
        let secrets = self.secrets.iter().map(SecretText::expose).filter(|secret| secret.len() >= SHORTEST);
        secrets
            .fold(text.to_owned(), |text, secret| text.replace(secret, &"*".repeat(secret.chars().count())))
    }
}

/// The texts among parts, joined by line ends.
fn text_of(parts: &[ContentBlock]) -> String {
    parts.iter().filter_map(text_of_block).collect::<Vec<_>>().join("\n")
}

fn text_of_block(part: &ContentBlock) -> Option<String> {
    match part {
        ContentBlock::Text(text) => Some(text.text.clone()),
        ContentBlock::Resource(resource) => text_of_resource(&resource.resource).map(str::to_owned),
        ContentBlock::Image(_) | ContentBlock::Audio(_) | ContentBlock::ResourceLink(_) => None,
        _ => None,
    }
}

fn text_of_resource(contents: &ResourceContents) -> Option<&str> {
    if let ResourceContents::TextResourceContents { text, .. } = contents { Some(text) } else { None }
}

#[cfg(test)]
mod tests {
    use ice_core::tools::Started;
    use serde_json::json;

    use super::*;

    fn reading() -> Reading {
        Reading { attachment: 4, secrets: [SecretText::new("hunter2".to_owned())].into() }
    }

    #[track_caller]
    fn check(result: serde_json::Value, expected: serde_json::Value) {
        let result: CallToolResult = serde_json::from_value(result).unwrap();
        assert_eq!(serde_json::Value::from(&reading().tool("s.t", result).unwrap()), expected);
    }

    #[test]
    fn structured_content_wins_and_texts_are_joined() {
        check(
            json!({"content": [{"type": "text", "text": "a"}], "structuredContent": {"n": [1, "hunter2"]}}),
            json!({"n": [1, "*******"]}),
        );
        check(json!({"content": [], "structuredContent": null}), json!(null));
        check(
            json!({"content": [{"type": "text", "text": "a hunter2"}, {"type": "text", "text": "b"}]}),
            json!({"text": "a *******\nb"}),
        );
        check(json!({"content": []}), json!({"text": ""}));
    }

    #[test]
    fn what_is_not_text_is_described_and_passed_on_if_it_is_small() {
        let part = |data: &str| json!({"type": "image", "data": data, "mimeType": "image/png"});
        check(
            json!({"content": [part("AAAA"), part("AAAAAAAA"), part("?"), {
                "type": "resource", "resource": {"uri": "a:b", "text": "t", "mimeType": "text/plain"}
            }, {"type": "resource", "resource": {"uri": "a:c", "blob": "AAAA"}},
            {"type": "resource_link", "uri": "a:d", "name": "d", "description": "D."}]}),
            json!({"text": "t", "parts": [
                {"type": "image", "media_type": "image/png", "bytes": 3, "data": "AAAA"},
                {"type": "image", "media_type": "image/png", "bytes": 6, "left_out": true},
                {"type": "image", "media_type": "image/png", "broken": true},
                {"type": "resource", "resource": {"uri": "a:b", "text": "t", "media_type": "text/plain"}},
                {"type": "resource", "resource": {"uri": "a:c", "bytes": 3, "data": "AAAA"}},
                {"type": "link", "uri": "a:d", "name": "d", "description": "D."},
            ]}),
        );
    }

    #[test]
    fn a_failure_is_an_error_in_the_words_of_the_tool() {
        let result =
            json!({"content": [{"type": "text", "text": "no\u{1b}[2J such hunter2"}], "isError": true});
        let error = reading().tool("s.t", serde_json::from_value(result).unwrap()).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.started),
            ("`s.t` failed: no such *******", Started::Unknown)
        );
    }

    #[test]
    fn prompts_and_resources_have_their_text_and_their_pieces() {
        let prompt = json!({"description": "D.", "messages": [
            {"role": "user", "content": {"type": "text", "text": "a"}},
            {"role": "assistant", "content": {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}},
        ]});
        let found = reading().prompt(&serde_json::from_value(prompt).unwrap());
        let expected = json!({"text": "a", "description": "D.", "messages": [
            {"role": "user", "text": "a"},
            {"role": "assistant", "part": {"type": "audio", "media_type": "audio/wav", "bytes": 3, "data": "AAAA"}},
        ]});
        assert_eq!(serde_json::Value::from(&found), expected);
        let resource = json!({"contents": [{"uri": "a:b", "text": "x"}, {"uri": "a:c", "text": "y"}]});
        let found = reading().resource(&serde_json::from_value(resource).unwrap());
        let expected =
            json!({"text": "x\ny", "contents": [{"uri": "a:b", "text": "x"}, {"uri": "a:c", "text": "y"}]});
        assert_eq!(serde_json::Value::from(&found), expected);
    }
}
