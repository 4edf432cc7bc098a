//! What stands for the tools and models of a plan that is only read: they say what they are and do nothing.

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::llm::{
    ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities, Request,
    Response,
};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;

use crate::journal::PinnedTool;

/// A tool that is not here.
#[derive(Debug)]
pub(super) struct AbsentTool(ToolSpec);

impl AbsentTool {
    pub(super) fn new(pinned: &PinnedTool) -> Self {
        Self(ToolSpec {
            name: pinned.name.clone(),
            version: semver::Version::new(pinned.major, 0, 0),
            description: "A tool that is not here.".to_owned(),
            input_schema: Value::from(true),
            output_schema: Value::from(true),
            effect: Effect::Irreversible,
            capabilities: Vec::new(),
        })
    }
}

#[async_trait]
impl Tool for AbsentTool {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _ctx: &ToolContext, _input: Value) -> Result<Value, ToolError> {
        Err(ToolError::failed(ErrorCode::UnknownTool, format!("the tool `{}` is not here", self.0.name)))
    }
}

/// A provider that is not here, by its name.
#[derive(Debug)]
pub(super) struct AbsentProvider(pub(super) String);

impl AbsentProvider {
    fn error(&self) -> LlmError {
        LlmError::new(LlmErrorKind::InvalidRequest, format!("the provider `{}` is not here", self.0))
    }
}

#[async_trait]
impl LlmProvider for AbsentProvider {
    fn name(&self) -> &str {
        &self.0
    }

    /// Whatever a model may be asked for.
    fn capabilities(&self, _model: &str) -> Option<ModelCapabilities> {
        Some(ModelCapabilities {
            max_input_tokens: u64::MAX,
            max_output_tokens: u64::MAX,
            tools: true,
            json_schema: true,
            vision: true,
            price: None,
        })
    }

    fn estimate(&self, _request: &Request) -> Estimate {
        Estimate { input_tokens: 0, max_output_tokens: 0 }
    }

    async fn complete(&self, _ctx: &LlmContext, _request: Request) -> Result<Response, LlmError> {
        Err(self.error())
    }

    async fn stream(&self, _ctx: &LlmContext, _request: Request) -> Result<ChunkStream, LlmError> {
        Err(self.error())
    }
}
