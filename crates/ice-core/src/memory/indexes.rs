//! The seam for indexes of contents: by words and by meaning. The memory asks them; it has none of its own.

use std::fmt;

use async_trait::async_trait;

use super::{AsOf, Entry, EntryId, Filter, Kind, MemoryError, Scope};
use crate::embedding::Embedding;
use crate::llm::Usd;
use crate::store::Batch;

/// What an index needs of an entry, made before it is written: whatever takes long or may fail belongs here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prepared {
    /// The embedding of its content.
    pub embedding: Option<Embedding>,
    /// What making it cost.
    pub cost: Usd,
}

/// What becomes of an entry in the batch that is being made.
#[derive(Clone, Debug)]
pub enum IndexChange<'a> {
    /// It is new.
    Put {
        /// The entry, with its content.
        entry: &'a Entry,
        /// What was prepared for it.
        prepared: Option<&'a Prepared>,
    },
    /// Something of it is other than before, but not its content: it was superseded or forgotten and stays readable by "as
    /// of", is current again after a take-back, or has other properties.
    Changed {
        /// The entry as it is from now on.
        entry: &'a Entry,
        /// Whether its content is in it: what is kept as a blob is left out.
        is_whole: bool,
    },
    /// It is gone.
    Removed {
        /// Its id.
        id: EntryId,
        /// Its scope.
        scope: &'a Scope,
        /// Its kind.
        kind: Kind,
    },
}

/// What candidates are wanted for.
#[derive(Clone, Debug)]
pub struct WantedCandidates<'a> {
    /// What is looked for.
    pub query: &'a str,
    /// In which scopes; never empty.
    pub scopes: &'a [Scope],
    /// Of which kinds; never empty.
    pub kinds: &'a [Kind],
    /// What they must be like. An index may leave it to the memory, which checks every candidate.
    pub filter: &'a Filter,
    /// As of when.
    pub as_of: AsOf,
    /// How many for each kind.
    pub limit: usize,
}

/// A candidate and how well it fits, as far as its index knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The entry.
    pub id: EntryId,
    /// The higher, the better; comparable within one list only.
    pub score: f64,
}

/// The candidates of one index for one kind, the best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidates {
    /// The index, for example `text` or `meaning`.
    pub index: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The best first.
    pub ranked: Vec<Candidate>,
    /// Why there are none, if the index could not be asked though others could.
    pub problem: Option<String>,
}

/// Indexes of contents, kept in step with the entries by the same commits.
#[async_trait]
pub trait Indexes: Send + Sync + fmt::Debug {
    /// Whether entries are found by meaning: then the guarantee `vectorised` can be kept.
    fn finds_meanings(&self) -> bool;

    /// Prepares for an entry that is about to be written. Cancel-safe.
    ///
    /// # Errors
    /// [`MemoryError`]; nothing is written then.
    async fn prepare(&self, entry: &Entry) -> Result<Prepared, MemoryError>;

    /// Adds to the batch what the changes mean for the indexes. Called by the writer alone, again for the same change if the
    /// commit lost against another one.
    ///
    /// # Errors
    /// [`MemoryError`]; nothing of the batch is written then.
    async fn change(&self, batch: Batch, changes: &[IndexChange<'_>]) -> Result<Batch, MemoryError>;

    /// The best candidates of each index for each kind. They may be gone or past meanwhile: the memory looks at each.
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`MemoryError`] if an index cannot be asked.
    async fn candidates(&self, wanted: &WantedCandidates<'_>) -> Result<Vec<Candidates>, MemoryError>;

    /// A batch was committed with what [`Indexes::change`] added: time for upkeep, in a task of its own. Must not wait.
    fn committed(&self) {}

    /// Writes what lasts anew, such that nothing is in it of entries that were removed, and removes what is not kept in step any more.
    ///
    /// # Errors
    /// [`MemoryError`] if it cannot be done: what was removed may still be there.
    async fn purge(&self) -> Result<(), MemoryError>;

    /// Ends what is under way. The memory does so when it is closed.
    async fn close(&self) {}
}
