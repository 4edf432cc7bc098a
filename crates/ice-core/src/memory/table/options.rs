//! How a memory is opened.

use std::sync::Arc;

use crate::embedding::Embedder;
use crate::id::Tenant;
use crate::llm::Price;
use crate::llm::tokens::{EstimatingCounter, TokenCounter};
use crate::memory::{ContentIndexes, Indexes, MemoryError, UnifiedMemoryConfig};
use crate::redact::Redactor;
use crate::store::{BlobStore, MemoryBlobs, MemoryStore, Store};
use crate::time::{Clock, IdSource, SystemClock, SystemIds};

/// How a memory is opened: where it is kept, and what it is given of the world.
#[derive(Clone, Debug)]
pub struct MemoryOptions {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) tenant: Tenant,
    pub(super) config: UnifiedMemoryConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) counter: Arc<dyn TokenCounter>,
    pub(super) model: Option<String>,
    pub(super) price: Option<Price>,
    pub(super) indexes: Option<Arc<dyn Indexes>>,
    pub(super) redactor: Option<Redactor>,
}

impl MemoryOptions {
    /// A memory that is kept in a store, large contents in a store of blobs.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn BlobStore>) -> Self {
        Self {
            store,
            blobs,
            tenant: Tenant::default(),
            config: UnifiedMemoryConfig::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            counter: Arc::new(EstimatingCounter),
            model: None,
            price: None,
            indexes: None,
            redactor: None,
        }
    }

    /// A memory that ends with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()))
            .config(UnifiedMemoryConfig::ephemeral())
    }

    /// Keeps it in other stores.
    #[must_use]
    pub fn stores(mut self, store: Arc<dyn Store>, blobs: Arc<dyn BlobStore>) -> Self {
        (self.store, self.blobs) = (store, blobs);
        self
    }

    /// Whose memory it is; `local` if nobody says.
    #[must_use]
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenant = tenant;
        self
    }

    /// Bounds, guarantees and budgets.
    #[must_use]
    pub fn config(mut self, config: UnifiedMemoryConfig) -> Self {
        self.config = config;
        self
    }

    /// Clock and ids; those of the machine if nobody says.
    #[must_use]
    pub fn time(mut self, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        (self.clock, self.ids) = (clock, ids);
        self
    }

    /// Who counts tokens, and as which model reads them; estimates if nobody says.
    #[must_use]
    pub fn tokens(mut self, counter: Arc<dyn TokenCounter>, model: Option<String>) -> Self {
        (self.counter, self.model) = (counter, model);
        self
    }

    /// What the tokens of entries cost; nothing if nobody says.
    #[must_use]
    pub fn price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    /// What is remembered goes through this redactor before it is counted, embedded, indexed or written: contents, metadata,
    /// keys, tags, persons and what else is known. In words by which entries are found, hashes under a key of the tenant's
    /// memory stand where the policy masks or drops, so that these stay apart, and are found by the words as they were. Without it
    /// all is kept as it is.
    ///
    /// A memory whose redactor changes keeps what it has; entries whose keys the old one had changed are found by what they
    /// are called now.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = Some(redactor);
        self
    }

    /// Indexes of contents; without them entries are found by their properties only.
    #[must_use]
    pub fn indexes(mut self, indexes: Arc<dyn Indexes>) -> Self {
        self.indexes = Some(indexes);
        self
    }

    /// [Indexes](ContentIndexes) of what entries say, kept in the memory's own stores: by words, and by meaning where there is an
    /// embedder. Call it last: the indexes are opened for the tenant that is set.
    ///
    /// # Errors
    /// As [`ContentIndexes::open`].
    pub async fn searchable(self, embedder: Option<Arc<dyn Embedder>>) -> Result<Self, MemoryError> {
        let (store, blobs) = (Arc::clone(&self.store), Arc::clone(&self.blobs));
        let indexes = ContentIndexes::open(store, blobs, &self.tenant, embedder).await?;
        Ok(self.indexes(Arc::new(indexes)))
    }
}
