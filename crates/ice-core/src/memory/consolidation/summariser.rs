//! The port of whoever summarises.

use std::fmt;

use async_trait::async_trait;

use crate::llm::Usage;

/// A summary of some texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// What they say.
    pub text: String,
    /// What it has cost.
    pub usage: Usage,
}

/// Why there is no summary. It must hold nothing of the texts.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct SummariseError {
    /// What went wrong.
    pub message: String,
    /// What it has cost nevertheless.
    pub usage: Usage,
}

/// Says in fewer words what texts say.
#[async_trait]
pub trait Summariser: Send + Sync + fmt::Debug {
    /// The model that does it, if one does.
    fn model(&self) -> Option<&str> {
        None
    }

    /// What the texts say, the oldest first, in about so many tokens at most. `key` is the same for the same texts. Cancel-safe.
    ///
    /// # Errors
    /// [`SummariseError`], with what was spent.
    async fn summarise(
        &self,
        key: &str,
        texts: &[String],
        max_tokens: u64,
    ) -> Result<Summary, SummariseError>;
}
