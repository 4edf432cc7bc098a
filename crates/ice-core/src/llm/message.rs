//! Messages as lists of parts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{BlobRef, Value};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions.
    System,
    /// The person, or the node that asks.
    User,
    /// The model.
    Assistant,
    /// The results of tools.
    Tool,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// Bytes such as an image.
    Blob {
        /// Where they are.
        blob: BlobRef,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Names the call within the conversation.
        id: String,
        /// The tool.
        name: String,
        /// The arguments.
        arguments: Value,
    },
    /// What the tool answered.
    ToolResult {
        /// The call that is answered.
        call_id: String,
        /// The answer.
        content: Value,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// The model's readable reasoning.
    Reasoning {
        /// The text.
        text: String,
    },
    /// State of the provider (signatures, encrypted reasoning) that goes back to it unchanged.
    Opaque {
        /// The provider it belongs to.
        provider: String,
        /// The state.
        data: Value,
    },
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
}

impl Message {
    /// A message of one text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text { text: text.into() }] }
    }

    /// All texts of the message, joined.
    #[must_use]
    pub fn joined_text(&self) -> String {
        let mut joined = String::new();
        for part in &self.parts {
            if let Part::Text { text } = part {
                joined.push_str(text);
            }
        }
        joined
    }
}
