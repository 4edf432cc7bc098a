//! The port: what every embedder does.

use std::fmt;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Dimension, EmbedError, Embedding, limits};
use crate::llm::{Estimate, Price, Usage};

/// What an embedder is given with each call.
#[derive(Clone, Debug, Default)]
pub struct EmbedContext {
    /// Fires when the call must end.
    pub cancel: CancellationToken,
    /// The same for every attempt of one call and after a crash.
    pub idempotency_key: String,
}

/// The embeddings of some texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One for each text, in the order of the texts.
    pub vectors: Vec<Embedding>,
    /// Tokens spent: only `input`, and `cost` if the price is known.
    pub usage: Usage,
}

/// Turns texts into vectors, which are the nearer the more alike the texts are.
///
/// How many texts go into one request to a server, or through a model at once, is its own business.
/// [`conformance`](super::conformance) says what every embedder must do.
#[async_trait]
pub trait Embedder: Send + Sync + fmt::Debug {
    /// The name it is registered under, for example `openai`.
    fn name(&self) -> &str;

    /// The id of its model, which each of its embeddings carries. Two embedders whose vectors cannot be compared have
    /// different ones.
    fn model(&self) -> &str;

    /// How long its vectors are.
    fn dimension(&self) -> Dimension;

    /// What a token costs; not known if left out.
    fn price(&self) -> Option<Price> {
        None
    }

    /// The most that embedding these texts can cost, in tokens.
    fn estimate(&self, texts: &[String]) -> Estimate {
        limits::at_most(texts)
    }

    /// Embeds texts within the bounds of [`limits`]; no texts give no vectors. Ends soon after `ctx.cancel` fires, and
    /// never retries by itself. Safe to drop: nothing goes on afterwards but what is under way in a model, to its end.
    ///
    /// # Errors
    /// [`EmbedError`], with the tokens spent; no vectors are given then.
    async fn embed(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError>;
}
