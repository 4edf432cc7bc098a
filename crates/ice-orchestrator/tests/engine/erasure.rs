//! Erasing a person: where memory is kept elsewhere, where something is damaged, and what is left when entries have gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ice_core::id::{RunId, Tenant};
use ice_core::memory::{Episode, Memory, MemoryError, MemoryOptions, Scope, UnifiedMemoryConfig, Write};
use ice_core::redact::{Action, HashKey, Kind, Policy, Preset, Redactor};
use ice_core::store::{
    Batch, BlobStore, CommitError, CommitSeq, Durability, Entry, Key, MemoryBlobs, MemoryStore, Offers,
    Store, StoreError, Versioned, Watch,
};
use ice_core::time::{Moment, SystemIds, TestClock};
use ice_core::value::{BlobHash, Value};
use ice_orchestrator::engine::{
    Engine, EngineBuilder, Erased, Erasure, MemoryPlace, MemorySource, Retention,
};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::common::{me, plan, registry};

/// A person of whom there is nobody else.
const PERSON: &str = "Zyxwv";

/// A store that counts how often it was written anew, and changes the head of a run just before it is removed if it is told to.
#[cfg(test)]
#[derive(Debug, Default)]
struct Watched {
    store: MemoryStore,
    compactions: AtomicUsize,
    disturbs: AtomicBool,
}

#[async_trait]
impl Store for Watched {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.store.get(key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store.scan(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        if self.disturbs.load(Ordering::SeqCst) {
            for head in self.store.scan(&Key::new("t/local/run/").unwrap(), None, 100).await? {
                let again = Batch::new().put(head.key, head.value);
                self.store.commit(again, Durability::Buffered).await?;
            }
        }
        self.store.commit(batch, durability).await
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        self.store.watch(prefix, after)
    }

    fn last_commit(&self) -> CommitSeq {
        self.store.last_commit()
    }

    fn offers(&self) -> Offers {
        self.store.offers()
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.compactions.fetch_add(1, Ordering::SeqCst);
        self.store.compact().await
    }
}

#[cfg(test)]
impl Watched {
    fn compactions(&self) -> usize {
        self.compactions.load(Ordering::SeqCst)
    }

    /// Whether a value names the person.
    async fn names(&self) -> bool {
        let all = self.store.scan(&Key::new("t/").unwrap(), None, 10_000).await.unwrap();
        all.iter().any(|entry| String::from_utf8_lossy(&entry.value).to_lowercase().contains("zyxwv"))
    }
}

/// Memory that is kept in a store of its own, with its blobs there or with those of the engine.
#[cfg(test)]
#[derive(Debug)]
struct Elsewhere {
    store: Arc<Watched>,
    blobs: Option<Arc<MemoryBlobs>>,
}

#[async_trait]
impl MemorySource for Elsewhere {
    async fn open(&self, tenant: &Tenant, options: MemoryOptions) -> Result<Memory, MemoryError> {
        let options = match &self.blobs {
            Some(blobs) => options.stores(Arc::clone(&self.store) as _, Arc::clone(blobs) as _),
            // Nothing in this test is so large that it would be kept as a blob.
            None => options.stores(Arc::clone(&self.store) as _, Arc::new(MemoryBlobs::new())),
        };
        UnifiedMemoryConfig::ephemeral().open(tenant, options).await
    }

    fn stores(&self) -> Vec<Arc<dyn Store>> {
        if self.blobs.is_some() { Vec::new() } else { vec![Arc::clone(&self.store) as _] }
    }

    async fn places(&self) -> Result<Vec<MemoryPlace>, MemoryError> {
        let place = |blobs| MemoryPlace { store: Arc::clone(&self.store) as _, blobs };
        Ok(self.blobs.iter().map(|blobs| place(Arc::clone(blobs) as _)).collect())
    }
}

#[cfg(test)]
struct Ground {
    engine: Engine,
    store: Arc<Watched>,
    blobs: Arc<MemoryBlobs>,
    clock: Arc<TestClock>,
    tenant: Tenant,
}

#[cfg(test)]
impl Ground {
    fn new(build: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        let clock = Arc::new(TestClock::new(Moment::from_millis(1_000_000_000)));
        let (store, blobs) = (Arc::new(Watched::default()), Arc::new(MemoryBlobs::new()));
        let builder = Engine::builder().store(Arc::clone(&store) as _, Arc::clone(&blobs) as _);
        let builder = builder.registry(registry()).time(Arc::clone(&clock) as _, Arc::new(SystemIds));
        Self { engine: build(builder).build(), store, blobs, clock, tenant: Tenant::default() }
    }

    async fn run(&self, text: &str) -> RunId {
        let yaml = "nodes: [{id: n, type: tool, tool_name: same, tool_args: {value: '{{ inputs.text }}'}}]";
        let (plan, inputs) = (plan(yaml, self.engine.registry()), Value::map([("text", Value::from(text))]));
        let handle =
            self.engine.start(&plan, inputs, RunOptions::default(), &me(), &self.tenant).await.unwrap();
        assert_eq!(handle.wait().await.unwrap().status, RunStatus::Succeeded);
        handle.id()
    }

    async fn remember(&self, write: Write) {
        self.engine.memory(&self.tenant).await.unwrap().remember(write).await.unwrap();
    }

    async fn erase(&self, also: &[&str]) -> Erased {
        let also = also.iter().map(|text| (*text).to_owned()).collect();
        let erasure = Erasure { person: PERSON.to_owned(), also, dry_run: false };
        self.engine.erase(&self.tenant, &erasure).await.unwrap()
    }
}

fn long() -> String {
    format!("{PERSON} {}", "x".repeat(300_000))
}

#[tokio::test]
async fn where_memory_is_kept_elsewhere_its_blobs_go_and_its_store_is_written_anew() {
    for has_blobs in [true, false] {
        let (store, blobs) = (Arc::new(Watched::default()), Arc::new(MemoryBlobs::new()));
        let source = Elsewhere { store: Arc::clone(&store), blobs: has_blobs.then(|| Arc::clone(&blobs)) };
        let ground = Ground::new(|builder| builder.memory(Arc::new(source)));
        let content = if has_blobs { long() } else { PERSON.to_owned() };
        let hash = BlobHash::of(&serde_json::to_vec(&content).unwrap());
        ground.remember(Write::episode(content, Episode::default())).await;
        ground.remember(Write::episode("Grace keeps bees", Episode::default())).await;
        assert_eq!(blobs.size(&hash).await.unwrap().is_some(), has_blobs);
        let erased = ground.erase(&[]).await;
        assert!(erased.is_complete() && erased.compacted && erased.memory == 1, "{erased:?}");
        assert_eq!(blobs.size(&hash).await.unwrap(), None);
        assert_eq!(erased.blobs > 0, has_blobs, "{erased:?}");
        assert_eq!((store.compactions(), ground.store.compactions()), (1, 1));
        assert!(!store.names().await);
        ground.engine.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_keeps_blobs_and_is_told_and_nothing_else_is_kept_by_it() {
    let ground = Ground::new(|builder| builder);
    let (gone, broken) = (ground.run(&long()).await, ground.run("Grace").await);
    let journal = Key::new(&format!("t/local/journal/{broken}/")).unwrap();
    for chunk in ground.store.scan(&journal, None, 10).await.unwrap() {
        ground.store.commit(Batch::new().put(chunk.key, "broken"), Durability::Buffered).await.unwrap();
    }
    let hash = BlobHash::of(long().as_bytes());
    assert!(ground.blobs.size(&hash).await.unwrap().is_some());
    let erased = ground.erase(&[]).await;
    assert_eq!((&erased.runs, &erased.unreadable), (&vec![gone], &vec![broken]));
    assert!(erased.compacted && !erased.is_complete() && erased.blobs == 0, "{erased:?}");
    let [told] = &erased.remains[..] else { panic!("{erased:?}") };
    assert!(
        told.starts_with(&format!("blobs were not collected, since the run {broken} cannot be read")),
        "{told}"
    );
    assert_eq!(ground.store.compactions(), 1);
    assert!(ground.blobs.size(&hash).await.unwrap().is_some());
    // Once it has gone the next call ends the work.
    ground.clock.advance(Duration::from_secs(1));
    let all = Retention { before: ground.engine.now(), status: None, keep: 0, dry_run: false };
    assert_eq!(ground.engine.prune(&ground.tenant, &all).await.unwrap().runs, [broken]);
    assert!(ground.erase(&[]).await.is_complete());
    assert_eq!(ground.blobs.size(&hash).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_that_others_change_meanwhile_is_named_and_stays() {
    let ground = Ground::new(|builder| builder);
    let run = ground.run(PERSON).await;
    ground.store.disturbs.store(true, Ordering::SeqCst);
    let erased = ground.erase(&[]).await;
    assert_eq!((&erased.runs, &erased.unended), (&vec![], &vec![run]));
    assert!(!erased.is_complete());
    ground.store.disturbs.store(false, Ordering::SeqCst);
    let erased = ground.erase(&[]).await;
    assert_eq!((&erased.runs, &erased.unended), (&vec![run], &vec![]));
    assert!(erased.is_complete() && !ground.store.names().await);
}

#[tokio::test]
async fn what_ended_by_itself_leaves_nothing_of_a_name() {
    let ground = Ground::new(|builder| builder);
    let ends = |text: &str, tag: &str| {
        let write = Write { ttl: Some(Duration::from_secs(60)), ..Write::episode(text, Episode::default()) };
        write.tags([tag.to_owned()])
    };
    ground.remember(ends("Zyxwv said so", "tea")).await;
    ground.remember(ends("Tea", "of zyxwv").scope(Scope::new("zyxwv").unwrap())).await;
    ground.clock.advance(Duration::from_secs(61));
    assert!(ground.store.names().await);
    let erased = ground.erase(&[]).await;
    assert!(erased.is_complete() && erased.memory == 0, "{erased:?}");
    assert!(!ground.store.names().await);
}

#[tokio::test]
async fn a_person_is_found_in_memory_where_a_hash_stands_for_an_address() {
    let policy = Policy::preset(Preset::Strict).with(Kind::Email, Action::Hash);
    let redactor = Redactor::builder(policy).hash_key(HashKey::new([7; 32])).build().unwrap();
    let ground = Ground::new(|builder| builder.memory_redactor(redactor));
    ground.remember(Write::episode("Ask ada@example.org first", Episode::default())).await;
    ground.remember(Write::episode("Ask bob@example.org first", Episode::default())).await;
    assert_eq!(ground.erase(&[]).await.memory, 0);
    assert_eq!(ground.erase(&["Ada@example.org"]).await.memory, 1);
    assert_eq!(ground.erase(&["ada@example.org"]).await.memory, 0);
}
