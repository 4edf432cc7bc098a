//! A sentence model in this process: BERT and its kin (MiniLM, BGE, GTE, E5 for English), from a folder as
//! sentence-transformers writes it. Needs no network, and no library but Rust's.
//!
//! ```no_run
//! use ice_core::embedding::{EmbedContext, Embedder};
//! use ice_integrations::embed::local::{LocalEmbedder, LocalOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let embedder = LocalEmbedder::load("models/all-minilm-l6-v2", LocalOptions::default()).await?;
//! let texts = ["That is a happy person", "That is a very happy person"].map(str::to_owned);
//! let embedded = embedder.embed(&EmbedContext::default(), &texts).await?;
//! if let [one, other] = embedded.vectors.as_slice() {
//!     println!("{:.3}", one.cosine(other)?); // 0.943
//! }
//! # Ok(())
//! # }
//! ```

mod config;
mod embedder;
mod error;
mod folder;
mod model;
mod text;

#[cfg(test)]
mod tests;

pub use embedder::{LocalEmbedder, LocalOptions};
pub use error::LocalError;
