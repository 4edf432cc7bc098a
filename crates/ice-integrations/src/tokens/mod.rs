//! Tokens as models count them: exact where the vocabulary of a model is built in, else an estimate that says so.
//!
//! ```
//! use ice_core::llm::tokens::{Count, TokenCounter};
//! use ice_integrations::tokens::VocabularyCounter;
//!
//! let counter = VocabularyCounter;
//! assert_eq!(counter.count(Some("openai/gpt-4o-mini"), "hello world"), Count { tokens: 2, estimated: false });
//! assert!(counter.count(Some("some-other-model"), "hello world").estimated);
//! ```

mod counter;
mod names;

pub use counter::VocabularyCounter;
pub use names::Vocabulary;
