//! Crashes at every commit: what is there fits together, and what was begun is finished when it is asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Ground;
use super::check::is_sound;
use crate::id::RunId;
use crate::memory::{
    Episode, Fact, Filter, Kind, Memory, MemoryError, MemoryKey, Provenance, Query, Scope, Selector, Write,
};
use crate::store::{
    Batch, CommitError, CommitSeq, Durability, Entry as Stored, Key, MemoryStore, Offers, Store, StoreError,
    Versioned, Watch,
};
use crate::time::TestIds;

/// A store that fails from some commit on: that one is applied or not, and nobody hears of it.
#[derive(Debug)]
struct Failing {
    inner: Arc<MemoryStore>,
    /// How many commits are left.
    left: AtomicU64,
    /// Whether the one that fails is applied.
    applies: bool,
}

#[async_trait::async_trait]
impl Store for Failing {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.inner.get(key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.inner.scan(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(left) if left > 1 => return self.inner.commit(batch, durability).await,
            Ok(_) if self.applies => {
                self.inner.commit(batch, durability).await?;
            }
            Ok(_) | Err(_) => {}
        }
        Err(StoreError::Poisoned { cause: "a crash".to_owned() }.into())
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

fn run() -> RunId {
    RunId::from(uuid::Uuid::from_u128(7))
}

fn key(number: usize) -> MemoryKey {
    MemoryKey::new(&format!("key {number}")).unwrap()
}

fn fact(number: usize, run: Option<RunId>) -> Write {
    let source = Provenance { run, idempotency: Some(format!("{run:?} {number}")), ..Provenance::default() };
    Write::fact(format!("fact {number} {run:?}"), Fact::default()).key(key(number)).source(source)
}

/// What a run does: it writes, each write once however often it is tried, and then all of it is taken back and somebody is
/// erased.
async fn work(memory: &Memory) -> Result<(), MemoryError> {
    for number in 0..6 {
        memory.remember(fact(number, None)).await?;
    }
    for number in 0..6 {
        match memory.remember(fact(number, Some(run()))).await {
            // It was begun to take the run back.
            Ok(_) | Err(MemoryError::TakenBack { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let subjects = Episode { participants: vec!["Ada".to_owned()], ..Episode::default() };
    for number in 0..4 {
        let write = Write::episode("she came", subjects.clone()).key(key(number));
        let source = Provenance { idempotency: Some(format!("ada {number}")), ..Provenance::default() };
        memory.remember(write.source(source)).await?;
    }
    memory.take_back(run()).await?;
    memory.erase(&Selector::Person("ada".to_owned())).await?;
    Ok(())
}

async fn is_done(memory: &Memory) {
    let all = memory.list(&Query::of(Scope::default(), Kind::Semantic).limit(100)).await.unwrap().entries;
    assert_eq!(all.len(), 6, "{all:?}");
    for entry in all {
        assert_eq!((entry.source.run, entry.supersedes, entry.superseded_by), (None, None, None));
    }
    let usage = memory.usage().await.unwrap();
    assert_eq!(usage[&(Scope::default(), Kind::Semantic)].past_entries, 0);
    assert_eq!(usage[&(Scope::default(), Kind::Episodic)], Default::default());
    is_sound(memory).await;
}

#[tokio::test]
async fn after_a_crash_at_any_commit_the_same_work_ends_in_the_same_state() {
    let mut crashes = 0;
    for applies in [false, true] {
        for commit in 1_u64.. {
            let inner = Arc::new(MemoryStore::new());
            let failing = Failing { inner: Arc::clone(&inner), left: AtomicU64::new(commit), applies };
            let failing = Ground::on(Arc::new(failing));
            let memory = match Memory::open(failing.options()).await {
                Ok(memory) => memory,
                Err(error) => {
                    assert_eq!(error.code().name(), "STORE_POISONED");
                    crashes += 1;
                    continue;
                }
            };
            let worked = work(&memory).await;
            memory.close().await;
            // Ids never recur, as those of the machine do not.
            let whole = Ground { ids: TestIds::new(1_000), ..Ground::on(inner) };
            let memory = whole.open().await;
            is_sound(&memory).await;
            if worked.is_ok() {
                is_done(&memory).await;
                break;
            }
            crashes += 1;
            work(&memory).await.unwrap();
            is_done(&memory).await;
            assert!(commit < 200, "the work never ends");
        }
    }
    assert!(crashes > 30, "{crashes}");
}

#[tokio::test]
async fn what_was_selected_by_a_run_is_listed_until_it_is_taken_back() {
    let ground = Ground::new();
    let memory = ground.open().await;
    for number in 0..600 {
        memory.remember(fact(number, Some(run()))).await.unwrap();
    }
    let filter = Filter { run: Some(run()), ..Filter::default() };
    let query = Query::of(Scope::default(), Kind::Semantic).filter(filter).limit(1_000);
    assert_eq!(memory.list(&query).await.unwrap().entries.len(), 600);
    assert_eq!(memory.take_back(run()).await.unwrap(), 600);
    assert_eq!(memory.take_back(run()).await.unwrap(), 0);
    assert_eq!(memory.list(&query).await.unwrap().entries, []);
    let refused = memory.remember(fact(1, Some(run()))).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "what the run 00000000-0000-0000-0000-000000000007 remembered was taken back, so that it may remember nothing more"
    );
    is_sound(&memory).await;
}
