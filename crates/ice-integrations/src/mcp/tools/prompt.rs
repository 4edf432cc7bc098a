//! Getting the prompts of a server.

use async_trait::async_trait;
use ice_core::process::{Home, Isolation};
use ice_core::tools::{Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use rmcp::model::{ClientRequest, GetPromptRequest, GetPromptRequestParams, ServerResult};
use serde_json::json;

use super::{listed, reading, required};
use crate::mcp::error::Error;
use crate::mcp::manifest::ToolOverride;
use crate::mcp::offer::Named;
use crate::mcp::server::{Call, Server};

/// Gets a prompt of an MCP server.
#[derive(Clone, Debug)]
pub struct PromptTool {
    server: Server,
    spec: ToolSpec,
}

impl PromptTool {
    pub(super) fn new(server: Server, name: String, known: &ToolOverride, prompts: &[Named]) -> Self {
        let description = format!(
            "Gets a prompt of the MCP server `{}` by its name, filled with arguments.{}",
            server.name(),
            listed("Prompts that it names", prompts)
        );
        let input = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "The name of the prompt."},
                "arguments": {
                    "type": "object",
                    "description": "Its arguments.",
                    "additionalProperties": {"type": "string"},
                },
            },
            "required": ["name"],
            "additionalProperties": false,
        });
        let output = json!({
            "type": "object",
            "properties": {
                "text": {"type": "string", "description": "The text of its messages."},
                "description": {"type": "string", "description": "What it is for."},
                "messages": {
                    "type": "array",
                    "description": "Its messages, each with its role and its text, or with a part that is not text.",
                    "items": {"type": "object"},
                },
            },
            "required": ["text", "messages"],
        });
        let spec = reading(&server, name, known, description, [input, output]);
        Self { server, spec }
    }
}

#[async_trait]
impl Tool for PromptTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn home(&self, _: Isolation) -> Home {
        Home::Mcp
    }

    /// Gets it. Cancelled, or if the future is dropped, the server is told that nobody waits any more.
    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let name = required(&self.spec, &input, "name")?;
        let mut params = GetPromptRequestParams::new(name);
        if let Some(serde_json::Value::Object(arguments)) =
            input.get("arguments").map(serde_json::Value::from)
        {
            params.arguments = Some(arguments);
        }
        let call = Call { cancel: &ctx.cancel, progress: ctx.progress.clone() };
        let make = |answers, state| {
            let mut params = params.clone();
            params.input_responses = answers;
            params.request_state = state;
            ClientRequest::GetPromptRequest(GetPromptRequest::new(params))
        };
        match self.server.request(&call, make).await? {
            (ServerResult::GetPromptResult(result), connected) => Ok(connected.reading.prompt(&result)),
            _ => Err(Error::failed(self.server.name(), "its answer is not a prompt").into()),
        }
    }
}
