//! Bounds, guarantees and accounts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Ground;
use super::check::is_sound;
use crate::error::ErrorCode;
use crate::llm::tokens::{Count, TokenCounter};
use crate::llm::{Price, Usd};
use crate::memory::{
    Backend, Episode, Fact, Kind, Memory, MemoryBudget, MemoryConfig, MemoryError, MemoryGuarantee,
    MemoryKey, Scope, Selector, UnifiedMemoryConfig, Write, reachable,
};
use crate::store::{
    Batch, CommitError, CommitSeq, Durability, Entry as Stored, Key, MemoryStore, Offers, Store, StoreError,
    Versioned, Watch,
};
use crate::value::{BlobHash, BlobRef, Value};

/// A store that says it is durable, until it is told to be so no more.
#[derive(Debug, Default)]
struct Degrading {
    inner: MemoryStore,
    degraded: AtomicBool,
}

#[async_trait::async_trait]
impl Store for Degrading {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.inner.get(key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.inner.scan(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        assert!(durability <= self.offers().durability);
        self.inner.commit(batch, Durability::Buffered).await
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        self.inner.watch(prefix, after)
    }

    fn last_commit(&self) -> CommitSeq {
        self.inner.last_commit()
    }

    fn offers(&self) -> Offers {
        let degraded = self.degraded.load(Ordering::SeqCst);
        let durability = if degraded { Durability::Buffered } else { Durability::ProcessCrash };
        Offers { durability, persistent: true, ..self.inner.offers() }
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.inner.compact().await
    }
}

#[tokio::test]
async fn a_store_that_keeps_its_promise_no_more_is_refused_and_one_that_does_again_is_used() {
    let store = Arc::new(Degrading::default());
    let mut ground = Ground::on(Arc::clone(&store) as Arc<dyn Store>);
    ground.config = UnifiedMemoryConfig::default();
    let memory = ground.open().await;
    memory.validate().unwrap();
    memory.remember(Write::fact("kept", Fact::default())).await.unwrap();
    store.degraded.store(true, Ordering::SeqCst);
    let error = memory.remember(Write::fact("lost", Fact::default())).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::MemoryGuarantee);
    assert_eq!(
        error.to_string(),
        "semantic memory on the backend `embedded` cannot keep the guarantee `durable`: its store keeps commits `buffered` \
         only; it offers ephemeral, short_term. Ask for one of these, or use another backend"
    );
    assert!(memory.validate().is_err());
    // Who promises less goes on.
    memory.remember(Write::working("at hand")).await.unwrap();
    store.degraded.store(false, Ordering::SeqCst);
    memory.remember(Write::fact("kept, too", Fact::default())).await.unwrap();
    assert_eq!(memory.usage().await.unwrap()[&(Scope::default(), Kind::Semantic)].entries, 2);
}

#[tokio::test]
async fn validation_refuses_what_is_not_offered() {
    let ground = Ground::new();
    let with = |config: UnifiedMemoryConfig| Memory::open(ground.options().config(config));
    // The default of a single kind asks for `durable`, which working memory never is.
    let config = UnifiedMemoryConfig { working: MemoryConfig::default(), ..UnifiedMemoryConfig::ephemeral() };
    let error = with(config).await.unwrap().validate().unwrap_err();
    assert!(matches!(
        error,
        MemoryError::Guarantee { guarantee: MemoryGuarantee::Durable, kind: Kind::Working, .. }
    ));
    let error = with(UnifiedMemoryConfig::default()).await.unwrap().validate().unwrap_err();
    assert!(matches!(error, MemoryError::Guarantee { kind: Kind::Episodic, .. }), "{error:?}");
    let vectorised = MemoryConfig {
        guarantee: MemoryGuarantee::Vectorised,
        backend: Backend::Memory,
        ..MemoryConfig::default()
    };
    let config = UnifiedMemoryConfig { semantic: vectorised, ..UnifiedMemoryConfig::ephemeral() };
    let error = with(config).await.unwrap().validate().unwrap_err();
    assert!(error.to_string().contains("it has no embedder"), "{error}");
    let memory = with(UnifiedMemoryConfig::ephemeral()).await.unwrap();
    memory.validate().unwrap();
    let offered = BTreeSet::from([MemoryGuarantee::Ephemeral, MemoryGuarantee::Ttl]);
    assert_eq!(memory.guarantees(Kind::Working), offered);
    let error = with(UnifiedMemoryConfig {
        working: MemoryConfig { embedding_dim: 9_000, ..MemoryConfig::working() },
        ..UnifiedMemoryConfig::ephemeral()
    });
    assert_eq!(error.await.unwrap_err().code(), ErrorCode::MemoryInvalid);
}

/// Counts words.
#[derive(Debug)]
struct Words;

impl TokenCounter for Words {
    fn count(&self, model: Option<&str>, text: &str) -> Count {
        let estimated = model != Some("known");
        Count { tokens: text.split_whitespace().count() as u64, estimated }
    }
}

#[tokio::test]
async fn tokens_and_cost_are_counted_and_given_back() {
    let ground = Ground::new();
    let price: Price = serde_json::from_str(r#"{"input":"1000000","output":"0"}"#).unwrap();
    let options = ground.options().tokens(Arc::new(Words), Some("known".to_owned())).price(price);
    let memory = Memory::open(options).await.unwrap();
    let key = MemoryKey::new("k").unwrap();
    let usage = || async {
        let usage = memory.usage().await.unwrap();
        usage.get(&(Scope::default(), Kind::Semantic)).copied().unwrap_or_default()
    };
    let first =
        memory.remember(Write::fact("one two three", Fact::default()).key(key.clone())).await.unwrap();
    assert_eq!(
        (first.account.tokens, first.account.estimated, first.account.cost),
        (3, false, "3".parse().unwrap())
    );
    let counted = usage().await;
    assert_eq!(
        (counted.entries, counted.tokens, counted.estimated_tokens, counted.cost),
        (1, 3, 0, first.account.cost)
    );
    assert_eq!(counted.bytes, first.account.bytes);
    let second = memory.remember(Write::fact("four", Fact::default()).key(key.clone())).await.unwrap();
    let counted = usage().await;
    assert_eq!((counted.entries, counted.tokens, counted.cost), (1, 1, "1".parse().unwrap()));
    assert_eq!((counted.past_entries, counted.bytes), (1, second.account.bytes));
    let selector = Selector::Key { scope: Scope::default(), kind: Kind::Semantic, key };
    memory.forget(&selector).await.unwrap();
    let counted = usage().await;
    assert_eq!((counted.entries, counted.tokens, counted.cost, counted.past_entries), (0, 0, Usd::ZERO, 2));
    memory.erase(&selector).await.unwrap();
    assert_eq!(usage().await, Default::default());
    is_sound(&memory).await;
}

#[tokio::test]
async fn budgets_refuse_before_anything_is_written_and_give_back_what_is_forgotten() {
    let mut ground = Ground::new();
    for (limits, what) in [
        (MemoryBudget { entries: Some(2), ..MemoryBudget::default() }, "entries"),
        (MemoryBudget { tokens: Some(5), ..MemoryBudget::default() }, "tokens"),
        (MemoryBudget { bytes: Some(1_300), ..MemoryBudget::default() }, "bytes"),
        (
            MemoryBudget { cost: Some("5".parse().unwrap()), ..MemoryBudget::default() },
            "billionths of a dollar",
        ),
    ] {
        ground.store = Arc::new(MemoryStore::new());
        ground.config.default_budget = Some(limits);
        let price: Price = serde_json::from_str(r#"{"input":"1000000","output":"0"}"#).unwrap();
        let options = ground.options().tokens(Arc::new(Words), None).price(price);
        let memory = Memory::open(options).await.unwrap();
        let episode = || Write::episode("two words", Episode::default());
        memory.remember(episode()).await.unwrap();
        let second = memory.remember(episode()).await.unwrap();
        let before = memory.usage().await.unwrap();
        let error = memory.remember(episode()).await.unwrap_err();
        assert!(matches!(&error, MemoryError::Budget { what: found, .. } if *found == what), "{error}");
        assert_eq!(error.code(), ErrorCode::BudgetExceeded);
        assert_eq!(memory.usage().await.unwrap(), before);
        memory.erase(&Selector::Id(second.id)).await.unwrap();
        memory.remember(episode()).await.unwrap();
        let other = episode().scope(Scope::new("other").unwrap());
        memory.remember(other).await.unwrap();
        is_sound(&memory).await;
    }
}

#[tokio::test]
async fn large_contents_are_blobs_that_a_collection_finds_until_they_are_erased() {
    let ground = Ground::new();
    let memory = ground.open().await;
    let image = BlobRef { hash: BlobHash::of(b"image"), media_type: "image/png".to_owned(), size: 5 };
    let text = "long ".repeat(40_000);
    let content =
        Value::map([("text", Value::from(text.as_str())), ("image", Value::Blob(Arc::new(image.clone())))]);
    let entry = memory.remember(Write::fact(content.clone(), Fact::default())).await.unwrap();
    assert_eq!(entry.content, content);
    assert!(entry.account.bytes > 200_000 && entry.account.tokens > 50_000);
    let again = memory.by_id(entry.id).await.unwrap().unwrap();
    assert_eq!(again, entry);
    let stored = ground.store.scan(&Key::new("t/").unwrap(), None, 1_000).await.unwrap();
    assert!(stored.iter().all(|entry| entry.value.len() < 2_000), "the content stands in the store");
    let tenant = memory.tenant().clone();
    let named = reachable(&*ground.store, &tenant).await.unwrap();
    assert!(named.len() == 2 && named.contains(&image.hash), "{named:?}");
    let collected = ground.blobs.collect(Box::pin(async { Ok(named) })).await.unwrap();
    assert_eq!(collected.removed, 0);
    memory.erase(&Selector::Id(entry.id)).await.unwrap();
    assert_eq!(reachable(&*ground.store, &tenant).await.unwrap().len(), 0);
    let collected = ground.blobs.collect(Box::pin(async { Ok(Default::default()) })).await.unwrap();
    assert_eq!(collected.removed, 1);
}

#[tokio::test]
async fn a_person_is_erased_everywhere_with_every_trace_in_keys_and_values() {
    let ground = Ground::new();
    let memory = ground.open().await;
    let name = "Ada Quirk";
    let about = |write: Write| {
        let mut write = write.scope(Scope::new("team").unwrap());
        write.subjects.push("ada  QUIRK".to_owned());
        write
    };
    let episode = Episode { participants: vec![name.to_owned()], ..Episode::default() };
    let key = MemoryKey::new("her").unwrap();
    memory.remember(Write::episode("She said hello.", episode).key(key.clone())).await.unwrap();
    memory
        .remember(about(Write::fact("She lives in Rome.", Fact::default()).key(key.clone())))
        .await
        .unwrap();
    memory.remember(about(Write::fact("She lives in Paris.", Fact::default()).key(key))).await.unwrap();
    let fact = Fact { entities: vec![name.to_owned()], ..Fact::default() };
    memory.remember(Write::fact("She sells.", fact)).await.unwrap();
    memory.remember(about(Write::working("Call her."))).await.unwrap();
    let other = memory.remember(Write::fact("It rains.", Fact::default())).await.unwrap();
    assert_eq!(memory.entities(&Scope::default()).await.unwrap(), [name]);
    assert_eq!(memory.erase(&Selector::Person("Ada Quirk".to_owned())).await.unwrap(), 5);
    for stored in ground.store.scan(&Key::new("t/").unwrap(), None, 1_000).await.unwrap() {
        let all = format!("{} {}", stored.key, String::from_utf8_lossy(&stored.value)).to_lowercase();
        for trace in ["quirk", "hello", "rome", "paris", "sells", "call her"] {
            assert!(!all.contains(trace), "{trace} in {all}");
        }
    }
    assert_eq!(memory.by_id(other.id).await.unwrap(), Some(other));
    is_sound(&memory).await;
}

#[tokio::test]
async fn keys_show_no_value() {
    let ground = Ground::new();
    let memory = ground.open().await;
    let episode =
        Episode { participants: vec!["Ada".to_owned()], outcome: "sale".to_owned(), ..Episode::default() };
    let write =
        Write::episode("secret words", episode).key(MemoryKey::new("Ada's key").unwrap()).tags(["tagged"]);
    memory.remember(write).await.unwrap();
    for stored in ground.store.scan(&Key::new("t/").unwrap(), None, 1_000).await.unwrap() {
        for shown in ["Ada", "sale", "tagged", "secret words", "default"] {
            assert!(!stored.key.as_str().contains(shown), "{}", stored.key);
        }
    }
}

#[tokio::test]
async fn bounds_are_refused_with_a_word_on_what_is_wrong() {
    let memory = Ground::new().open().await;
    let mut many = Write::fact("x", Fact::default());
    many.tags = (0..65).map(|number| number.to_string()).collect();
    let mut deep = Value::Null;
    for _ in 0..70 {
        deep = Value::list([deep]);
    }
    let unsure = Fact { confidence: f64::NAN, ..Fact::default() };
    for (write, said) in [
        (many, "tags cannot be taken: there are 65, at most 64 are kept"),
        (
            Write::working("x".repeat(9 << 20)),
            "the content cannot be taken: it has 9437186 bytes or more, at most 8388608 are kept",
        ),
        (Write::working(deep), "the content or metadata cannot be taken: lists and maps nest too deep"),
        (
            Write::fact("x", unsure),
            "the confidence of the fact cannot be taken: it is NaN, and must lie between 0 and 1",
        ),
        (Write::procedure("x", Default::default()), "the name of the procedure cannot be taken: it is empty"),
        (
            Write::fact("x", Fact::default()).tags(["a\nb"]),
            "one of the tags cannot be taken: it has control characters",
        ),
    ] {
        let error = memory.remember(write).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.code()), (said, ErrorCode::MemoryInvalid));
    }
    assert_eq!(memory.usage().await.unwrap(), Default::default());
    memory.close().await;
    assert!(matches!(memory.remember(Write::working("late")).await, Err(MemoryError::Closed)));
}
