//! A tool of a server.

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::process::{Home, Isolation};
use ice_core::tools::{Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use rmcp::model::{CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, ServerResult};

use crate::mcp::error::Error;
use crate::mcp::offer::OfferedTool;
use crate::mcp::server::{Call, Server};

/// A tool of an MCP server.
#[derive(Clone, Debug)]
pub struct McpTool {
    server: Server,
    spec: ToolSpec,
    /// What the server calls it.
    remote: String,
    /// Whether it says what it answers.
    is_declared: bool,
}

impl McpTool {
    pub(super) fn new(server: Server, spec: ToolSpec, offered: &OfferedTool) -> Self {
        let (remote, is_declared) = (offered.name.clone(), offered.output_schema.is_some());
        Self { server, spec, remote, is_declared }
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn home(&self, _: Isolation) -> Home {
        Home::Mcp
    }

    /// Calls it. Cancelled, or if the future is dropped, the server is told that nobody waits any more; what it had done by then
    /// is not known.
    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let label = self.spec.name.as_str();
        let serde_json::Value::Object(arguments) = serde_json::Value::from(&input) else {
            let message = format!("the input of `{label}` must be an object");
            return Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
        };
        drop(input);
        let offer = self.server.offer(&ctx.cancel).await?;
        if !offer.tools.iter().any(|tool| tool.name == self.remote) {
            let why = format!("it does not have the tool `{}` any more", self.remote);
            return Err(Error::refused(self.server.name(), why).into());
        }
        let params = CallToolRequestParams::new(self.remote.clone()).with_arguments(arguments);
        let call = Call { cancel: &ctx.cancel, progress: ctx.progress.clone() };
        let make = |answers, state| {
            let mut params = params.clone();
            params.input_responses = answers;
            params.request_state = state;
            ClientRequest::CallToolRequest(CallToolRequest::new(params))
        };
        let (result, connected) = self.server.request(&call, make).await?;
        let is_bare = matches!(result, ServerResult::EmptyResult(_) | ServerResult::TaskAckResult(_));
        let result = if let ServerResult::CallToolResult(result) = result {
            result
        } else if is_bare {
            // An answer without content is one.
            CallToolResult::default()
        } else {
            return Err(Error::failed(self.server.name(), "its answer is not that of a tool").into());
        };
        let is_bare =
            self.is_declared && result.structured_content.is_none() && result.is_error != Some(true);
        if is_bare {
            let message = format!("`{label}` says what it answers, and answered without that");
            return Err(ToolError::failed(ErrorCode::ToolOutputInvalid, message).retryable(false));
        }
        connected.reading.tool(label, result)
    }
}
