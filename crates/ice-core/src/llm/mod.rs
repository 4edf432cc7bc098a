//! The port for language models, and the two that need no key: `echo` and `scripted`.

mod delivery;
mod echo;
mod error;
mod message;
mod port;
mod request;
pub mod scripted;
pub mod structured;
pub mod tokens;

pub use echo::Echo;
pub use error::{LlmError, LlmErrorKind};
pub use message::{Message, Part, Role};
pub use port::{Chunk, ChunkStream, Estimate, LlmContext, LlmProvider, ModelCapabilities};
pub use request::{FinishReason, Request, Response, ToolDefinition, Usage};
pub use scripted::Scripted;
