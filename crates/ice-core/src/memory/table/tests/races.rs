//! Two handles that write at the same time: nothing is lost, and limits hold.

use super::Ground;
use super::check::is_sound;
use crate::memory::{
    AsOf, Detail, Fact, Filter, Kind, Memory, MemoryBudget, MemoryError, MemoryKey, Procedure, Query, Scope,
    Write,
};
use crate::store::{
    Batch, CommitError, CommitSeq, Durability, Entry as Stored, Key, MemoryStore, Offers, Store, StoreError,
    Versioned, Watch,
};
use crate::value::Value;
use std::sync::Arc;

/// A store that lets others go first before each commit, so that batches of two writers cross.
#[derive(Debug, Default)]
struct Polite(MemoryStore);

#[async_trait::async_trait]
impl Store for Polite {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.0.get(key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.0.scan(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        tokio::task::yield_now().await;
        self.0.commit(batch, durability).await
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        self.0.watch(prefix, after)
    }

    fn last_commit(&self) -> CommitSeq {
        self.0.last_commit()
    }

    fn offers(&self) -> Offers {
        self.0.offers()
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.0.compact().await
    }
}

async fn two(ground: &Ground) -> [Memory; 2] {
    [ground.open().await, ground.open().await]
}

fn key(key: &str) -> MemoryKey {
    MemoryKey::new(key).unwrap()
}

#[tokio::test]
async fn two_who_write_the_same_key_make_one_chain_of_versions() {
    let ground = Ground::on(Arc::new(Polite::default()));
    let [one, other] = two(&ground).await;
    let write = |memory: Memory| async move {
        for number in 0..50 {
            memory.remember(Write::fact(format!("{number}"), Fact::default()).key(key("k"))).await.unwrap();
        }
    };
    tokio::join!(write(one.clone()), write(other.clone()));
    let mut length = 1;
    let mut last = one.get(&Scope::default(), Kind::Semantic, &key("k")).await.unwrap().unwrap();
    while let Some(id) = last.supersedes {
        let before = one.by_id(id).await.unwrap().unwrap();
        assert_eq!((before.superseded_by, before.until), (Some(last.id), Some(last.learned)));
        (last, length) = (before, length + 1);
    }
    assert_eq!(length, 100);
    is_sound(&one).await;
}

#[tokio::test]
async fn uses_of_a_procedure_that_are_noted_at_the_same_time_all_count() {
    let ground = Ground::on(Arc::new(Polite::default()));
    let [one, other] = two(&ground).await;
    let procedure = Procedure { name: "P".to_owned(), ..Procedure::default() };
    one.remember(Write::procedure(Value::Null, procedure).key(key("p"))).await.unwrap();
    let count = |memory: Memory| async move {
        for _ in 0..40 {
            let change = |detail: &mut Detail, _| {
                let Detail::Procedural(procedure) = detail else { panic!("{detail:?}") };
                procedure.usage_count += 1;
                Ok(())
            };
            memory.amend(&Scope::default(), Kind::Procedural, &key("p"), change).await.unwrap();
        }
    };
    tokio::join!(count(one.clone()), count(other));
    let found = one.get(&Scope::default(), Kind::Procedural, &key("p")).await.unwrap().unwrap();
    let Detail::Procedural(found) = found.detail else { panic!("{found:?}") };
    assert_eq!(found.usage_count, 80);
}

#[tokio::test]
async fn a_budget_holds_for_all_who_write() {
    let mut ground = Ground::on(Arc::new(Polite::default()));
    ground.config.default_budget = Some(MemoryBudget { entries: Some(30), ..MemoryBudget::default() });
    let [one, other] = two(&ground).await;
    let write = |memory: Memory| async move {
        let writes = (0..40).map(|_| memory.remember(Write::fact("x", Fact::default())));
        let results = futures::future::join_all(writes).await;
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(
                matches!(error, MemoryError::Budget { what: "entries", limit: 30, left: 0, .. }),
                "{error:?}"
            );
        }
        results.iter().filter(|result| result.is_ok()).count()
    };
    let (first, second) = tokio::join!(write(one.clone()), write(other));
    assert_eq!(first + second, 30);
    let all = one.list(&Query::of(Scope::default(), Kind::Semantic).limit(100)).await.unwrap();
    assert_eq!(all.entries.len(), 30);
    is_sound(&one).await;
}

#[tokio::test]
async fn counters_of_many_writers_are_added_up_while_others_write() {
    let ground = Ground::new();
    for _ in 0..40 {
        let memory = ground.open().await;
        memory.remember(Write::fact("abcd", Fact::default())).await.unwrap();
        memory.close().await;
    }
    let memory = ground.open().await;
    memory.remember(Write::fact("abcd", Fact::default())).await.unwrap();
    for _ in 0..2 {
        let usage = memory.usage().await.unwrap()[&(Scope::default(), Kind::Semantic)];
        assert_eq!((usage.entries, usage.tokens, usage.estimated_tokens), (41, 41, 41));
        memory.remember(Write::fact("abcd", Fact::default())).await.unwrap();
        let id =
            memory.list(&Query::of(Scope::default(), Kind::Semantic).limit(1)).await.unwrap().entries[0].id;
        memory.forget(&crate::memory::Selector::Id(id)).await.unwrap();
    }
    let counters = memory.rules().store.scan(&memory.rules().places.counters(), None, 100).await.unwrap();
    assert!(counters.len() <= 2, "{counters:?}");
    is_sound(&memory).await;
}

#[tokio::test]
async fn what_is_read_as_of_a_moment_does_not_change_while_others_write() {
    let ground = Ground::on(Arc::new(Polite::default()));
    let [one, other] = two(&ground).await;
    let fact = |number: usize| Write::fact("x", Fact::default()).key(key(&format!("{number}")));
    other.remember_all((0..20).map(fact).collect()).await.unwrap();
    let then = AsOf::known(other.now());
    let query = Query::of(Scope::default(), Kind::Semantic).as_of(then).limit(50);
    let before = one.list(&query).await.unwrap();
    ground.clock.advance(std::time::Duration::from_millis(1));
    other.remember_all((0..30).map(fact).collect()).await.unwrap();
    let ids = |page: &crate::memory::Page| page.entries.iter().map(|entry| entry.id).collect::<Vec<_>>();
    let after = one.list(&query).await.unwrap();
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(before.entries.len(), 20);
    let filter = Filter { types: vec!["general".to_owned()], ..Filter::default() };
    assert_eq!(ids(&one.list(&query.filter(filter)).await.unwrap()), ids(&before));
}
