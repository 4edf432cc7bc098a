//! The port for embedders, which turn texts into vectors, and the one that needs neither key nor model: `hash`.
//!
//! ```
//! use ice_core::embedding::{EmbedContext, Embedder, HashEmbedder};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let embedder = HashEmbedder::default();
//! let texts = ["a red car", "a red cart", "monthly accounts"].map(str::to_owned);
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let embedded = runtime.block_on(embedder.embed(&EmbedContext::default(), &texts))?;
//! let [car, cart, accounts] = embedded.vectors.as_slice() else { return Err("three texts, three vectors".into()) };
//! assert_eq!(car.dimension().get(), 256);
//! assert!(car.cosine(cart)? > car.cosine(accounts)?);
//! # Ok(())
//! # }
//! ```

mod dimension;
#[expect(clippy::module_inception, reason = "the noun of the module is the embedding itself")]
mod embedding;
mod error;
mod hash;
pub mod limits;
mod port;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use dimension::{Dimension, InvalidDimension};
pub use embedding::{Embedding, InvalidEmbedding};
pub use error::{EmbedError, EmbedErrorKind};
pub use hash::HashEmbedder;
pub use port::{EmbedContext, Embedded, Embedder};
