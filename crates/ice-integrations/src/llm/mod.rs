//! Vendors of language models behind the port [`LlmProvider`](ice_core::llm::LlmProvider), and what is done around each of
//! them: time-outs, repetitions, limits, a breaker. Built on the crate `genai`, nothing of which is seen from outside.

mod answer;
mod configuration;
mod failure;
#[cfg(feature = "llm-local")]
mod local;
mod names;
mod opaque;
mod place;
pub mod policy;
pub mod prices;
mod protocol;
mod question;
mod settings;
mod vendor;
mod watcher;
mod written;

pub use configuration::{Configuration, ConfigurationError};
#[cfg(feature = "llm-local")]
pub use local::{LocalModel, LocalModelError, LocalSettings};
pub use protocol::Protocol;
pub use settings::{Limits, ProviderSettings};
pub use vendor::Vendor;
