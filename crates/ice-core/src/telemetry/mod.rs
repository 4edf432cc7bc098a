//! What spans and metrics of calls are called: the names of OpenTelemetry's conventions for GenAI and MCP, and ice's own.
//!
//! The conventions still move: every name stands in [`names`] and nowhere else. Spans themselves are made where the calls are.
//! Nothing here sends anything anywhere.

mod content;
mod embeddings;
pub mod names;
mod operation;
mod provider;
mod redacted;
mod stopwatch;

pub use content::{MAX_CONTENT_BYTES, MessageContent, bounded, messages, reason, shown, system_instructions};
pub use embeddings::embedding;
pub use operation::Operation;
pub use provider::well_known;
pub use redacted::{redacted, redacted_value};
pub use stopwatch::Stopwatch;
