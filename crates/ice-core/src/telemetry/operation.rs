//! What is done, as GenAI spans and metrics say it.

/// An operation of the conventions for GenAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A model is asked.
    Chat,
    /// Texts are turned into vectors.
    Embeddings,
    /// A tool is called.
    ExecuteTool,
    /// An agent works.
    InvokeAgent,
    /// A run.
    InvokeWorkflow,
}

impl Operation {
    /// Its name, the value of `gen_ai.operation.name`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::ExecuteTool => "execute_tool",
            Self::InvokeAgent => "invoke_agent",
            Self::InvokeWorkflow => "invoke_workflow",
        }
    }
}
