//! Embedders over HTTP: everything that speaks OpenAI's `/embeddings`, and Ollama's own `/api/embed`.
//!
//! ```
//! use ice_core::embedding::{Dimension, Embedder};
//! use ice_integrations::embed::http::{HttpEmbedder, Settings};
//! use secrecy::SecretString;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SecretString::from("of the environment, or of a file");
//! let settings =
//!     Settings::new("openai", "https://api.openai.com/v1", "text-embedding-3-small", Dimension::new(512)?)
//!         .key(key)
//!         .asking_for_dimension();
//! let hosted = HttpEmbedder::openai(settings)?;
//!
//! let settings = Settings::new("ollama", "http://127.0.0.1:11434", "all-minilm", Dimension::new(384)?);
//! let own = HttpEmbedder::ollama(settings)?;
//! assert_eq!((hosted.model(), own.name()), ("text-embedding-3-small", "ollama"));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is retried here, no redirect is followed, and no proxy of the environment is used. A message of an error names
//! the embedder and the host, never a key, a text or words of the server, which may repeat them.

mod answer;
mod batch;
mod client;
mod dialect;
mod embedder;
mod failure;
mod ollama;
mod openai;
mod settings;
#[cfg(test)]
mod tests;

pub use embedder::HttpEmbedder;
pub use settings::{Encoding, InvalidSettings, Settings};
