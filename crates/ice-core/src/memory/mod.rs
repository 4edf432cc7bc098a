//! What is remembered between runs, in four kinds: what is at hand, what happened, what is known and how things are done.
//!
//! All kinds are entries of one table over any [`Store`](crate::store::Store), so that a memory is as durable as its store
//! and there is no second way for any backend. Every entry says where it comes from, when it was learned and what it takes.
//! What is written again under the same key supersedes: the older version stays readable "as of" then.
//!
//! ```
//! use ice_core::memory::{Exchange, Session, SessionMemory, Sessions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = Sessions::default();
//! let session = Session { tenant: "local".parse()?, workflow: "greet".to_owned(), name: "ada".to_owned() };
//! let exchange = Exchange { asked: "Who am I?".to_owned(), said: "You are Ada.".to_owned() };
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! runtime.block_on(async {
//!     memory.append(&session, &exchange, "run-1/n").await?;
//!     assert_eq!(memory.recall(&session, 5).await?, [exchange]);
//!     Ok(())
//! })
//! # }
//! ```

mod account;
mod config;
mod consolidation;
mod detail;
mod documents;
mod entry;
mod episodic;
mod error;
mod exchanges;
mod guarantee;
mod id;
mod indexes;
mod kind;
mod port;
mod procedural;
mod provenance;
mod query;
mod search;
mod semantic;
mod sessions;
mod table;
mod unified;
mod usage;
mod working;
mod write;

pub use account::{Account, count_value};
pub use config::{Backend, Bounds, MemoryConfig, UnifiedMemoryConfig};
pub use consolidation::{
    ByModel, Consolidated, Consolidation, Decay, Extract, Retention, Summaries, SummariseError, Summariser,
    Summary,
};
pub use detail::{Detail, Episode, Fact, Outcome, Procedure, Relationship, Validity, Working};
pub use documents::{Ingested, KnownDocument, KnownDocuments, Passage, SourceDocument};
pub use entry::Entry;
pub use episodic::{EpisodicMemory, MAX_ANALYSED, Patterns, episode, episode_of, patterns};
pub use error::MemoryError;
pub use exchanges::MAX_EXCHANGES;
pub use guarantee::{MemoryGuarantee, offered};
pub use id::{EntryId, MemoryKey, Scope};
pub use indexes::{Candidate, Candidates, IndexChange, Indexes, Prepared, WantedCandidates};
pub use kind::Kind;
pub use port::{Exchange, Session, SessionError, SessionMemory};
pub use procedural::{
    CategoryMetrics, Execution, MIN_USES, ProceduralMemory, applies, default_procedures, procedure_of, score,
    success_rate,
};
pub use provenance::Provenance;
pub use query::{AsOf, Cursor, Filter, MAX_PAGE, Page, Past, Query, Selector};
pub use search::{
    ContentIndexes, FoundBy, MAX_FOUND, MemoryHit, MemorySearch, Recall, Recalled, RecalledEntry,
    RerankError, Reranker, Weights,
};
pub use semantic::{Edge, Graph, MAX_DEPTH, Node, Related, SemanticMemory, fact, fact_of};
pub use sessions::Sessions;
#[cfg(any(test, feature = "testing"))]
pub use table::conformance;
pub use table::{EXPORT_VERSION, ExportWhat, Imported, Importer, Memory, MemoryOptions, reachable};
pub use unified::{UnifiedMemory, write_of};
pub use usage::{MemoryBudget, Usage, UsageByScope};
pub use working::WorkingMemory;
pub use write::{
    MAX_CONTENT_BYTES, MAX_METADATA_BYTES, MAX_PROCEDURE_BYTES, MAX_WORD_BYTES, MAX_WORDS, Write,
};
