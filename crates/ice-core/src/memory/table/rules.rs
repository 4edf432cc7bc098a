//! What a table is opened with: by it the writer decides.

use std::sync::Arc;

use super::places::Places;
use super::redacted::Redaction;
use crate::id::Tenant;
use crate::llm::tokens::TokenCounter;
use crate::llm::{Price, Usage as Spent, Usd};
use crate::memory::config::Bounds;
use crate::memory::{Indexes, Kind, MemoryBudget, MemoryError, Scope, UnifiedMemoryConfig, guarantee};
use crate::store::{BlobStore, Durability, Store};
use crate::time::{Clock, IdSource};

/// What a table is opened with.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) counter: Arc<dyn TokenCounter>,
    /// The model whose tokens are counted, and what they cost.
    pub(super) model: Option<String>,
    pub(super) price: Option<Price>,
    pub(super) indexes: Option<Arc<dyn Indexes>>,
    pub(super) config: UnifiedMemoryConfig,
    pub(super) tenant: Tenant,
    pub(super) places: Places,
    pub(super) redaction: Redaction,
}

impl Rules {
    pub(super) fn bounds(&self, kind: Kind) -> Bounds {
        self.config.of(kind).bounds(kind)
    }

    pub(super) fn budget(&self, scope: &Scope) -> Option<MemoryBudget> {
        self.config.budget(scope)
    }

    /// Whether entries of a kind are found by meaning.
    fn finds_meanings(&self) -> bool {
        self.indexes.as_ref().is_some_and(|indexes| indexes.finds_meanings())
    }

    /// Refuses a kind whose guarantee the store does not keep, or keeps no more.
    pub(super) fn check(&self, kind: Kind) -> Result<(), MemoryError> {
        if !self.config.enables(kind) {
            return Err(MemoryError::Disabled(kind));
        }
        let config = self.config.of(kind);
        let (offers, meanings) = (self.store.offers(), self.finds_meanings());
        guarantee::check(config.guarantee, kind, config.backend.name(), &offers, meanings)
    }

    /// How sure a commit must be that changes some kinds.
    pub(super) fn durability(&self, kinds: impl IntoIterator<Item = Kind>) -> Durability {
        use crate::memory::MemoryGuarantee::{Durable, Ephemeral, ShortTerm, Ttl, Vectorised};
        let durable = kinds.into_iter().any(|kind| match self.config.of(kind).guarantee {
            Durable | Vectorised => true,
            Ephemeral | ShortTerm | Ttl => false,
        });
        if durable { self.store.offers().durability } else { Durability::Buffered }
    }

    /// What so many tokens cost.
    pub(super) fn cost(&self, tokens: u64) -> Usd {
        let spent = Spent { input: tokens, ..Spent::default() };
        self.price.as_ref().map_or(Usd::ZERO, |price| price.of(&spent))
    }
}
