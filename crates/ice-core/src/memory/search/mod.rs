//! Finding what is remembered by what it says: the words of entries, and their meaning where there is an embedder.
//!
//! [`ContentIndexes`] are kept in step with the entries by the same commits. [`Memory::recall`](super::Memory::recall) asks them
//! and gives one ranked answer across all kinds.

mod contents;
mod fuse;
mod meaning;
mod recall;
mod rerank;
mod weights;
mod wording;
mod words;

#[cfg(test)]
mod tests;

pub use contents::ContentIndexes;
pub use recall::{FoundBy, Recall, Recalled, RecalledEntry};
pub use rerank::{RerankError, Reranker};
pub use weights::Weights;
pub use words::{MAX_FOUND, MemoryHit, MemorySearch};
