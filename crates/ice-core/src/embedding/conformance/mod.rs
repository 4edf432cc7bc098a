//! The conformance suite: what every embedder must do, as a function that tests call with theirs. It panics where the
//! embedder does not.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # {
//! use std::sync::Arc;
//!
//! use ice_core::embedding::{Embedder, HashEmbedder, conformance};
//!
//! let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
//! runtime.block_on(conformance::embedder(|| -> Arc<dyn Embedder> { Arc::new(HashEmbedder::default()) }));
//! # }
//! ```

mod embedder;

pub use embedder::embedder;

#[cfg(test)]
mod tests;
