//! Journals that are longer than what a store takes in one commit are brought here and removed in several, and whatever ends in
//! between leaves nothing for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::id::{RunId, Tenant};
use ice_core::store::{
    Batch, CommitError, CommitSeq, Durability, Entry, Key, MemoryBlobs, MemoryStore, Offers, Store,
    StoreError, Versioned, Watch,
};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, Retention, RunError};
use ice_orchestrator::journal::{RunOptions, RunStatus};
use ice_orchestrator::transfer::Part;

use crate::common::{me, plan, registry};
use crate::export::forged;

const MAX_BATCH: usize = 32 << 10;

/// A store that takes little at a time, and fails from one commit on.
#[derive(Debug)]
struct Narrow {
    store: MemoryStore,
    max_batch: usize,
    commits: AtomicU32,
    /// So many commits are taken.
    takes: AtomicU32,
}

#[async_trait]
impl Store for Narrow {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.store.get(key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store.scan(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        let sizes = batch
            .writes()
            .iter()
            .map(|put| put.key.as_bytes().len() + put.value.as_ref().map_or(0, Bytes::len));
        let (size, limit) = (sizes.sum(), self.max_batch);
        if size > limit {
            return Err(StoreError::TooLarge { what: "a batch", size, limit }.into());
        }
        if self.commits.fetch_add(1, Ordering::SeqCst) >= self.takes.load(Ordering::SeqCst) {
            return Err(StoreError::Poisoned { cause: "the process ends".to_owned() }.into());
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
        Offers { max_batch_bytes: self.max_batch, ..self.store.offers() }
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.store.compact().await
    }
}

#[cfg(test)]
struct Ground {
    engine: Engine,
    store: Arc<Narrow>,
}

#[cfg(test)]
impl Ground {
    fn new(max_batch: usize) -> Self {
        let store = Arc::new(Narrow {
            store: MemoryStore::new(),
            max_batch,
            commits: AtomicU32::new(0),
            takes: AtomicU32::new(u32::MAX),
        });
        let builder = Engine::builder().store(Arc::clone(&store) as _, Arc::new(MemoryBlobs::new()));
        Self { engine: builder.registry(registry()).build(), store }
    }

    async fn run(&self, items: i64) -> RunId {
        let yaml = "nodes:
- {id: each, type: loop, items_source: inputs.items, item_var: it, body: [{id: y, type: tool, tool_name: same, tool_args: {value: '{{ it }}'}}]}";
        let inputs = Value::map([("items", Value::list((0..items).map(Value::from)))]);
        let plan = plan(yaml, self.engine.registry());
        let (by, tenant) = (me(), Tenant::default());
        let run = self.engine.start(&plan, inputs, RunOptions::default(), &by, &tenant).await.unwrap();
        assert_eq!(run.wait().await.unwrap().status, RunStatus::Succeeded);
        run.id()
    }

    async fn export(&self, run: RunId) -> Vec<u8> {
        let mut export = self.engine.export(&Tenant::default(), run).await.unwrap();
        let mut file = Vec::new();
        while let Some(piece) = export.next().await.unwrap() {
            file.extend_from_slice(&piece);
        }
        file
    }

    async fn import(&self, file: &[u8]) -> Result<(), RunError> {
        let mut import = self.engine.import(&Tenant::default(), &me());
        import.push(file).await?;
        import.finish().await.map(drop)
    }

    async fn prune(&self) -> Result<Vec<RunId>, RunError> {
        let before = ice_core::time::Moment::from_millis(i64::MAX);
        let retention = Retention { before, status: None, keep: 0, dry_run: false };
        self.engine.prune(&Tenant::default(), &retention).await.map(|pruned| pruned.runs)
    }

    /// The process ends after so many further commits.
    fn end_after(&self, commits: u32) {
        self.store.takes.store(self.store.commits.load(Ordering::SeqCst) + commits, Ordering::SeqCst);
    }

    fn go_on(&self) {
        self.store.takes.store(u32::MAX, Ordering::SeqCst);
    }

    /// How many keys the journals of all runs have.
    async fn chunks(&self) -> usize {
        let journals = Key::tenant(&Tenant::default()).folder("journal");
        self.store.scan(&journals, None, 100_000).await.unwrap().len()
    }

    async fn knows(&self, run: RunId) -> bool {
        self.engine.show(&Tenant::default(), run).await.is_ok()
    }
}

/// The file of a run with a chunk for each of its records, more than a commit takes the keys of.
#[cfg(test)]
async fn long() -> (RunId, Vec<u8>, usize) {
    let elsewhere = Ground::new(32 << 20);
    let run = elsewhere.run(300).await;
    let mut records = 0_usize;
    let file = forged(&elsewhere.export(run).await, |_, parts| {
        let mut single = Vec::new();
        for (part, bytes) in parts.drain(..) {
            if !matches!(part, Part::Chunk { .. }) {
                single.push((part, bytes));
                continue;
            }
            let mut chunk = Vec::new();
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                chunk.extend_from_slice(line);
                if line.starts_with(b"r") {
                    let part = Part::Chunk { first: records as u64, size: 0 };
                    single.push((part, std::mem::take(&mut chunk).into()));
                    records += 1;
                }
            }
        }
        *parts = single;
    });
    assert!(records * 60 > MAX_BATCH, "{records} records");
    (run, file, records)
}

#[tokio::test]
async fn a_journal_of_many_small_chunks_arrives_and_is_removed_whole() {
    let ((run, file, records), ground) = (long().await, Ground::new(MAX_BATCH));
    ground.import(&file).await.unwrap();
    assert_eq!(ground.chunks().await, records);
    assert_eq!(ground.export(run).await, file);
    assert_eq!(ground.prune().await.unwrap(), [run]);
    assert!(!ground.knows(run).await);
    assert_eq!(ground.chunks().await, 0);
}

#[tokio::test]
async fn an_import_that_ended_in_between_leaves_no_run_and_can_be_done_again() {
    let (run, file, records) = long().await;
    for commits in 1..4 {
        let ground = Ground::new(MAX_BATCH);
        ground.run(1).await;
        let before = ground.chunks().await;
        ground.end_after(commits);
        ground.import(&file).await.unwrap_err();
        ground.go_on();
        assert!(ground.chunks().await > before && !ground.knows(run).await, "{commits}");
        ground.import(&file).await.unwrap();
        assert_eq!(ground.chunks().await, before + records);
        assert_eq!(ground.export(run).await, file);
    }
}

#[tokio::test]
async fn what_an_import_or_a_removal_leaves_that_ended_in_between_goes_with_the_next_removal() {
    let (run, file, _) = long().await;
    let ground = Ground::new(MAX_BATCH);
    let other = ground.run(1).await;
    ground.end_after(2);
    ground.import(&file).await.unwrap_err();
    ground.go_on();
    assert_eq!(ground.prune().await.unwrap(), [other]);
    assert_eq!(ground.chunks().await, 0);

    ground.import(&file).await.unwrap();
    ground.end_after(1);
    ground.prune().await.unwrap_err();
    ground.go_on();
    assert!(ground.chunks().await > 0 && !ground.knows(run).await);
    let other = ground.run(1).await;
    assert_eq!(ground.prune().await.unwrap(), [other]);
    assert_eq!(ground.chunks().await, 0);
}
