//! A world that remembers what was done to it, and a store that fails when told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::registry::Registry;
use ice_core::store::{
    Batch, BlobStore, CommitError, CommitSeq, Durability, Entry, Key, MemoryBlobs, MemoryStore, Offers,
    Store, StoreError, Versioned, Watch,
};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, EngineBuilder};
use tokio::sync::Notify;

use crate::common;

/// What was done, by path: how often, and under which idempotency keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    done: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    /// While set, the tool `gate` waits.
    shut: Arc<AtomicBool>,
    opened: Arc<Notify>,
    arrived: Arc<Notify>,
}

impl World {
    fn note(&self, ctx: &ToolContext) {
        self.done.lock().unwrap().entry(ctx.path.to_string()).or_default().push(ctx.idempotency_key());
    }

    /// How often something was done at a path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.done.lock().unwrap().get(path).map_or(0, Vec::len)
    }

    /// How often anything was done.
    pub(crate) fn total(&self) -> usize {
        self.done.lock().unwrap().values().map(Vec::len).sum()
    }

    /// Whether every path has kept its key.
    pub(crate) fn assert_keys(&self) {
        for (path, keys) in self.done.lock().unwrap().iter() {
            assert!(keys.iter().all(|key| *key == keys[0]), "{path}: {keys:?}");
        }
    }

    /// Paths with more than one effect, among those of a tool.
    pub(crate) fn repeated(&self, ending: &str) -> Vec<String> {
        let done = self.done.lock().unwrap();
        let repeated = done.iter().filter(|(path, keys)| path.ends_with(ending) && keys.len() > 1);
        repeated.map(|(path, _)| path.clone()).collect()
    }

    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        self.shut.store(false, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    /// Waits until a call of `gate` waits.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    async fn pass(&self, ctx: &ToolContext) -> Result<(), ToolError> {
        loop {
            let opened = self.opened.notified();
            if !self.shut.load(Ordering::SeqCst) {
                return Ok(());
            }
            self.arrived.notify_one();
            tokio::select! {
                () = opened => {}
                () = ctx.cancel.cancelled() => return Err(ToolError::cancelled()),
            }
        }
    }

    /// The common tools, and: `pure`, `once` (irreversible) and `again` (idempotent) give their `value`, or
    /// their path without; `gate` (idempotent) and `shot` (irreversible) wait while the world is shut.
    pub(crate) fn registry(&self) -> Registry {
        let mut registry = common::registry();
        let kinds = [
            ("pure", Effect::Pure, false),
            ("again", Effect::Idempotent, false),
            ("once", Effect::Irreversible, false),
            ("gate", Effect::Idempotent, true),
            ("shot", Effect::Irreversible, true),
        ];
        for (name, effect, waits) in kinds {
            registry.tools.register(self.tool(name, effect, waits)).unwrap();
        }
        let broken = common::tool("breaks_once", Effect::Idempotent, |ctx, _| async move {
            match ctx.attempt {
                1 => Err(ToolError::failed(ErrorCode::ToolFailed, "not yet")),
                attempt => Ok(Value::from(attempt)),
            }
        });
        registry.tools.register(broken).unwrap();
        registry
    }

    fn tool(&self, name: &str, effect: Effect, waits: bool) -> Arc<dyn Tool> {
        let world = self.clone();
        common::tool(name, effect, move |ctx, input| {
            let world = world.clone();
            async move {
                world.note(&ctx);
                if waits {
                    world.pass(&ctx).await?;
                }
                Ok(input.get("value").cloned().unwrap_or_else(|| Value::from(ctx.path.as_str())))
            }
        })
    }
}

/// What a [`Faulty`] store does once its commits are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every further commit waits for ever, and is not applied.
    Hang,
    /// Every further commit fails.
    Fail,
    /// Every further commit waits until the store is [healed](Faulty::heal).
    Wait,
    /// Every further commit gives way to others first.
    Slow,
}

/// A store in memory that takes so many commits to journals and then has a fault.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: Arc<dyn Store>,
    left: AtomicU64,
    fault: Fault,
    pub(crate) struck: Arc<Notify>,
    healed: tokio::sync::Semaphore,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>, commits: u64, fault: Fault) -> Self {
        Self {
            inner,
            left: AtomicU64::new(commits),
            fault,
            struck: Arc::new(Notify::new()),
            healed: tokio::sync::Semaphore::new(0),
        }
    }

    /// Ends a [`Fault::Wait`].
    pub(crate) fn heal(&self) {
        self.healed.close();
    }
}

#[async_trait]
impl Store for Faulty {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.inner.get(key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        // The ownership of engines is none of this store's faults.
        if batch.writes().iter().any(|write| write.key.as_str().contains("/run/"))
            && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
        {
            self.struck.notify_one();
            match self.fault {
                Fault::Hang => std::future::pending().await,
                Fault::Fail => {
                    let what = "the disk of a test".to_owned();
                    return Err(CommitError::Store(StoreError::Unavailable { what, source: None }));
                }
                Fault::Wait => drop(self.healed.acquire().await),
                Fault::Slow => {
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
        self.inner.commit(batch, durability).await
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        self.inner.watch(prefix, after)
    }

    fn last_commit(&self) -> CommitSeq {
        self.inner.last_commit()
    }

    fn offers(&self) -> Offers {
        self.inner.offers()
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.inner.compact().await
    }
}

/// Stores that outlive engines.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn BlobStore>,
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self { store: Arc::new(MemoryStore::new()), blobs: Arc::new(MemoryBlobs::new()) }
    }

    /// An engine on these stores.
    pub(crate) fn engine(&self, world: &World) -> EngineBuilder {
        Engine::builder().store(Arc::clone(&self.store), Arc::clone(&self.blobs)).registry(world.registry())
    }

    /// An engine on these stores, with a fault after so many commits.
    pub(crate) fn faulty(&self, world: &World, commits: u64, fault: Fault) -> (Engine, Arc<Notify>) {
        let store = Faulty::new(Arc::clone(&self.store), commits, fault);
        let struck = Arc::clone(&store.struck);
        (self.engine(world).store(Arc::new(store), Arc::clone(&self.blobs)).build(), struck)
    }
}
