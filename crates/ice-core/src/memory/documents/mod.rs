//! Documents in memory: each is remembered in passages with their places, and known again by its hash.
//!
//! A document is an entry of semantic memory, and each passage is one. What was ingested is not written again; of a document
//! that has changed, only what has changed is; and a call that was stopped is taken up by the next one.
//!
//! ```
//! use ice_core::memory::{Memory, MemoryOptions, Passage, SourceDocument};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let memory = Memory::open(MemoryOptions::in_memory()).await?;
//! let document = SourceDocument::new("rain.md", "the hash of its bytes", 2);
//! let passages = vec![Passage::new(0, "It rains."), Passage::new(1, "It pours.")];
//! assert_eq!(memory.ingest(&document, passages.clone()).await?.written, 2);
//! assert_eq!(memory.ingest(&document, passages).await?.kept, 2);
//! # Ok(())
//! # })
//! # }
//! ```

mod document;
mod ingest;
mod known;
mod passage;

#[cfg(test)]
mod tests;

pub use document::SourceDocument;
pub use ingest::Ingested;
pub use known::{KnownDocument, KnownDocuments};
pub use passage::Passage;
