//! The memories of an engine's tenants: each is opened when it is first needed, and closed with the engine.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ice_core::embedding::{Dimension, Embedder, HashEmbedder};
use ice_core::id::Tenant;
use ice_core::memory::{Memory, MemoryConfig, MemoryError, MemoryOptions, UnifiedMemoryConfig};
use ice_core::store::{BlobStore, Durability, Store};
use tokio::sync::OnceCell;

use super::Engine;
use super::engine::Inner;

/// Makes the memory of a tenant. A [`UnifiedMemoryConfig`] is one that keeps it in the engine's own stores, searchable by words.
#[async_trait]
pub trait MemorySource: Send + Sync + fmt::Debug {
    /// Opens the memory of a tenant. `options` name the tenant and the engine's own stores, clock and ids.
    ///
    /// # Errors
    /// [`MemoryError`]; the next who needs the memory asks again.
    async fn open(&self, tenant: &Tenant, options: MemoryOptions) -> Result<Memory, MemoryError>;

    /// The stores beside the engine's own in which memory is kept whose large contents are in the engine's store of blobs:
    /// [pruning](Engine::prune) spares these. A store is named here or among [`MemorySource::places`], and an
    /// [erasure](Engine::erase) compacts both.
    fn stores(&self) -> Vec<Arc<dyn Store>> {
        Vec::new()
    }

    /// The stores in which memory is kept together with its large contents: pruning removes the blobs there that nothing in the
    /// store names.
    ///
    /// # Errors
    /// [`MemoryError`] if one cannot be opened; nothing of memory is removed then.
    async fn places(&self) -> Result<Vec<MemoryPlace>, MemoryError> {
        Ok(Vec::new())
    }
}

/// A store of memory, and the blobs of what is large in it.
#[derive(Clone, Debug)]
pub struct MemoryPlace {
    /// The entries.
    pub store: Arc<dyn Store>,
    /// Large contents, and segments of indexes. Nothing else may be in there.
    pub blobs: Arc<dyn BlobStore>,
}

#[async_trait]
impl MemorySource for UnifiedMemoryConfig {
    async fn open(&self, _: &Tenant, options: MemoryOptions) -> Result<Memory, MemoryError> {
        let embedder = match self.embeds()? {
            Some(config) => Some(hashing(config)?),
            None => None,
        };
        open_memory(self.clone(), options, embedder).await
    }
}

/// Opens a memory that is set up like this, searchable by words, and by meaning where there is an embedder.
///
/// # Errors
/// [`MemoryError`]: it cannot keep its guarantees, or its indexes cannot be opened.
pub async fn open_memory(
    config: UnifiedMemoryConfig,
    options: MemoryOptions,
    embedder: Option<Arc<dyn Embedder>>,
) -> Result<Memory, MemoryError> {
    let memory = Memory::open(options.config(config).searchable(embedder).await?).await?;
    match memory.validate() {
        Ok(()) => Ok(memory),
        Err(error) => {
            memory.close().await;
            Err(error)
        }
    }
}

/// The embedder that needs nobody.
fn hashing(config: &MemoryConfig) -> Result<Arc<dyn Embedder>, MemoryError> {
    let invalid = |what: &str, problem: String| MemoryError::Invalid { what: what.to_owned(), problem };
    if config.embedding_provider != "hash" {
        let problem = format!(
            "it is `{}`, and a configuration alone has `hash` only: open the memory with an embedder (`open_memory`)",
            config.embedding_provider
        );
        return Err(invalid("`embedding_provider`", problem));
    }
    let dimension = usize::try_from(config.embedding_dim).map_or(Ok(Dimension::MAX), Dimension::new);
    let embedder = dimension.and_then(HashEmbedder::new);
    Ok(Arc::new(embedder.map_err(|error| invalid("`embedding_dim`", error.to_string()))?))
}

type Cell = Arc<OnceCell<Memory>>;

/// The memories that were needed so far.
#[derive(Debug)]
pub(crate) struct Memories {
    source: Option<Arc<dyn MemorySource>>,
    open: Mutex<Option<HashMap<Tenant, Cell>>>,
}

impl Memories {
    pub(super) fn new(source: Option<Arc<dyn MemorySource>>) -> Self {
        Self { source, open: Mutex::new(Some(HashMap::new())) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<Tenant, Cell>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Other stores that name blobs of the engine's.
    pub(super) fn stores(&self) -> Vec<Arc<dyn Store>> {
        self.source.as_ref().map(|source| source.stores()).unwrap_or_default()
    }

    /// Other stores with blobs of their own.
    pub(super) async fn places(&self) -> Result<Vec<MemoryPlace>, MemoryError> {
        match &self.source {
            Some(source) => source.places().await,
            None => Ok(Vec::new()),
        }
    }

    /// Every other store in which memory is kept.
    pub(super) async fn elsewhere(&self) -> Result<Vec<Arc<dyn Store>>, MemoryError> {
        let places = self.places().await?.into_iter().map(|place| place.store);
        Ok(self.stores().into_iter().chain(places).collect())
    }

    /// Ends them all: what waits is written, and none is opened any more.
    pub(super) async fn close(&self) {
        let open = self.lock().take().unwrap_or_default();
        for memory in open.values().filter_map(|cell| cell.get()) {
            memory.close().await;
        }
    }
}

impl Inner {
    /// The memory of a tenant.
    pub(crate) async fn memory(&self, tenant: &Tenant) -> Result<Memory, MemoryError> {
        let cell = match &mut *self.memories.lock() {
            Some(open) => Arc::clone(open.entry(tenant.clone()).or_default()),
            None => return Err(MemoryError::Closed),
        };
        let memory = cell.get_or_try_init(|| async {
            let options = MemoryOptions::new(Arc::clone(&self.store), Arc::clone(&self.blobs))
                .tenant(tenant.clone())
                .time(Arc::clone(&self.clock), Arc::clone(&self.ids))
                .redactor(self.kept.clone());
            match &self.memories.source {
                Some(source) => source.open(tenant, options).await,
                None => self.usual().open(tenant, options).await,
            }
        });
        memory.await.cloned()
    }

    /// How memory is set up if nobody says: as durable as the store.
    fn usual(&self) -> UnifiedMemoryConfig {
        let offers = self.store.offers();
        if offers.persistent && offers.durability >= Durability::ProcessCrash {
            UnifiedMemoryConfig::default()
        } else {
            UnifiedMemoryConfig::ephemeral()
        }
    }
}

impl Engine {
    /// The memory of a tenant; opened when it is first needed.
    ///
    /// # Errors
    /// [`MemoryError`] if it cannot be opened, or the engine was closed.
    pub async fn memory(&self, tenant: &Tenant) -> Result<Memory, MemoryError> {
        self.inner.memory(tenant).await
    }
}
