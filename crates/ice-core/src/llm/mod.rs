//! The port for language models, and the two that need no key: `echo` and `scripted`.
//!
//! ```
//! use ice_core::llm::scripted::{Script, Turn};
//! use ice_core::llm::{LlmContext, LlmProvider, Request, Scripted};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Scripted::new(Script {
//!     turns: vec![Turn::text("It rains.").when_contains("weather"), Turn::text("Hello.")],
//!     ..Script::default()
//! });
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let ask = |text: &str| runtime.block_on(model.complete(&LlmContext::default(), Request::prompt("any", text)));
//! assert_eq!(ask("Good morning")?.message.joined_text(), "Hello.");
//! assert_eq!(ask("How is the weather?")?.message.joined_text(), "It rains.");
//! # Ok(())
//! # }
//! ```

mod delivery;
mod echo;
mod error;
mod message;
mod policy;
mod port;
mod price;
mod redact;
mod request;
pub mod scripted;
pub mod structured;
pub mod tokens;

pub use echo::Echo;
pub use error::{LlmError, LlmErrorKind};
pub use message::{Message, Part, Role};
pub use policy::{PromptPolicy, Ruling};
pub use port::{
    BlobSource, Chunk, ChunkStream, Estimate, LlmContext, LlmProvider, MAX_SHOWN_BYTES, ModelCapabilities,
};
pub use price::{InvalidUsd, LongPrompt, Price, Usd};
pub use redact::RedactSecrets;
pub use request::{Fallback, FinishReason, Request, Response, ToolDefinition, Usage};
pub use scripted::Scripted;
pub use tokens::{Count, EstimatingCounter, TokenCounter};
