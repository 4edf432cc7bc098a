//! The port of whoever orders what was found once more.

use std::fmt;

use async_trait::async_trait;

/// Why nothing was ordered. It must hold nothing of the texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RerankError(pub String);

/// Orders a few texts by how well they answer a query, as a cross-encoder does that reads both.
#[async_trait]
pub trait Reranker: Send + Sync + fmt::Debug {
    /// How well each text answers the query, in the order of the texts; the higher, the better. Cancel-safe.
    ///
    /// # Errors
    /// [`RerankError`]; what was found then keeps its order.
    async fn rerank(&self, query: &str, texts: &[String]) -> Result<Vec<f64>, RerankError>;
}
