//! Reading the resources of a server.

use async_trait::async_trait;
use ice_core::process::{Home, Isolation};
use ice_core::tools::{Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use rmcp::model::{ClientRequest, ReadResourceRequest, ReadResourceRequestParams, ServerResult};
use serde_json::json;

use super::{listed, reading, required};
use crate::mcp::error::Error;
use crate::mcp::manifest::ToolOverride;
use crate::mcp::offer::Named;
use crate::mcp::server::{Call, Server};

/// Reads a resource of an MCP server.
#[derive(Clone, Debug)]
pub struct ResourceTool {
    server: Server,
    spec: ToolSpec,
}

impl ResourceTool {
    pub(super) fn new(server: Server, name: String, known: &ToolOverride, resources: &[Named]) -> Self {
        let description = format!(
            "Reads a resource of the MCP server `{}` by its address.{}",
            server.name(),
            listed("Resources and templates of addresses that it names", resources)
        );
        let input = json!({
            "type": "object",
            "properties": {"uri": {"type": "string", "description": "The address of the resource."}},
            "required": ["uri"],
            "additionalProperties": false,
        });
        let output = json!({
            "type": "object",
            "properties": {
                "text": {"type": "string", "description": "Its text."},
                "contents": {
                    "type": "array",
                    "description": "Its pieces, each with its address and its text, or with what is known of its bytes.",
                    "items": {"type": "object"},
                },
            },
            "required": ["text", "contents"],
        });
        let spec = reading(&server, name, known, description, [input, output]);
        Self { server, spec }
    }
}

#[async_trait]
impl Tool for ResourceTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn home(&self, _: Isolation) -> Home {
        Home::Mcp
    }

    /// Reads it. Cancelled, or if the future is dropped, the server is told that nobody waits any more.
    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let uri = required(&self.spec, &input, "uri")?;
        let params = ReadResourceRequestParams::new(uri);
        let call = Call { cancel: &ctx.cancel, progress: ctx.progress.clone() };
        let make = |answers, state| {
            let mut params = params.clone();
            params.input_responses = answers;
            params.request_state = state;
            ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params))
        };
        match self.server.request(&call, make).await? {
            (ServerResult::ReadResourceResult(result), connected) => Ok(connected.reading.resource(&result)),
            _ => Err(Error::failed(self.server.name(), "its answer is not a resource").into()),
        }
    }
}
