//! What is recalled is what is remembered, whatever became of it, in whatever segment it stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::embedding::{
    Dimension, EmbedContext, EmbedError, EmbedErrorKind, Embedded, Embedder, HashEmbedder,
};
use crate::id::RunId;
use crate::memory::{
    AsOf, Decay, Episode, Fact, Filter, Kind, Memory, MemoryConfig, MemoryError, MemoryGuarantee, MemoryKey,
    MemoryOptions, Provenance, Scope, Selector, UnifiedMemoryConfig, Write,
};
use crate::segments::Merge;
use crate::store::{MemoryBlobs, MemoryStore};
use crate::time::Moment;

struct Bench {
    memory: Memory,
    indexes: Arc<ContentIndexes>,
}

impl Bench {
    async fn new(embedder: Option<Arc<dyn Embedder>>) -> Self {
        Self::on(Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()), embedder).await
    }

    async fn on(
        store: Arc<MemoryStore>,
        blobs: Arc<MemoryBlobs>,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Self {
        let tenant = "local".parse().unwrap();
        let indexes = ContentIndexes::open(store.clone(), blobs.clone(), &tenant, embedder).await;
        let indexes = Arc::new(indexes.unwrap());
        let options = MemoryOptions::new(store, blobs).config(UnifiedMemoryConfig::ephemeral());
        let memory = Memory::open(options.indexes(indexes.clone())).await.unwrap();
        Self { memory, indexes }
    }

    async fn remember(&self, key: &str, write: Write) {
        self.memory.remember(write.key(MemoryKey::new(key).unwrap())).await.unwrap();
    }

    async fn recall(&self, recall: &Recall) -> Vec<String> {
        let recalled = self.memory.recall(recall).await.unwrap();
        assert_eq!(recalled.problems, Vec::<String>::new());
        recalled.entries.iter().map(|found| found.entry.text()).collect()
    }
}

fn fact(text: &str) -> Write {
    Write::fact(text, Fact::default())
}

fn hash() -> Option<Arc<dyn Embedder>> {
    Some(Arc::new(HashEmbedder::default()))
}

#[tokio::test]
async fn a_purge_leaves_no_index_of_another_model_and_nothing_of_its_blobs_is_named() {
    use crate::segments;
    use crate::store::{Key, Store as _};
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let small =
        || Some(Arc::new(HashEmbedder::new(Dimension::new(64).unwrap()).unwrap()) as Arc<dyn Embedder>);
    let folders = async || {
        let all = store.scan(&Key::new("t/local/memory/vectors/").unwrap(), None, 1_000).await.unwrap();
        let name = |entry: &crate::store::Entry| entry.key.as_str().split('/').nth(4).map(str::to_owned);
        all.iter().filter_map(name).collect::<std::collections::BTreeSet<_>>()
    };
    let named = async || segments::reachable(&*store, &"local".parse().unwrap()).await.unwrap();
    let bench = Bench::on(store.clone(), blobs.clone(), small()).await;
    bench.remember("a", fact("Ada likes tea")).await;
    bench.indexes.compact(Merge::All).await.unwrap();
    bench.memory.close().await;
    let old = named().await;
    let bench = Bench::on(store.clone(), blobs.clone(), hash()).await;
    bench.remember("b", fact("Bob likes tea")).await;
    assert_eq!(folders().await.len(), 2);
    bench.memory.purge().await.unwrap();
    assert_eq!(folders().await.len(), 1);
    assert!(old.is_disjoint(&named().await), "what the old index is made of can be collected");
    assert_eq!(bench.recall(&Recall::new("who likes tea")).await.len(), 2);
    bench.memory.close().await;
    // Without an embedder none is kept in step.
    Bench::on(store.clone(), blobs.clone(), None).await.memory.purge().await.unwrap();
    assert!(folders().await.is_empty());
    assert_eq!(store.scan(&Key::new("t/local/segments/").unwrap(), None, 10).await.unwrap().len(), 1);
    let bench = Bench::on(store.clone(), blobs, small()).await;
    assert_eq!(bench.recall(&Recall::new("who likes tea")).await.len(), 2);
}

#[tokio::test]
async fn what_was_superseded_is_found_as_of_then_alone() {
    for embedder in [None, hash()] {
        let bench = Bench::new(embedder).await;
        bench.remember("home", fact("Ada lives in London")).await;
        let then = bench.memory.now();
        while bench.memory.now() <= then {
            tokio::task::yield_now().await;
        }
        bench.remember("home", fact("Ada lives in Paris")).await;
        let recall = Recall::new("where Ada lives");
        assert_eq!(bench.recall(&recall).await, ["Ada lives in Paris"]);
        bench.indexes.compact(Merge::All).await.unwrap();
        assert_eq!(bench.recall(&recall).await, ["Ada lives in Paris"]);
        let recall = Recall { as_of: AsOf::known(then), ..recall };
        assert_eq!(bench.recall(&recall).await, ["Ada lives in London"]);
    }
}

#[tokio::test]
async fn what_is_forgotten_or_taken_back_is_not_recalled() {
    let bench = Bench::new(hash()).await;
    let run = RunId::from(uuid::Uuid::from_u128(7));
    bench.remember("tea", fact("Ada likes tea")).await;
    let of_run = Provenance { run: Some(run), ..Provenance::default() };
    bench.remember("tea", fact("Ada likes coffee").source(of_run)).await;
    let recall = Recall::new("what Ada likes");
    assert_eq!(bench.recall(&recall).await, ["Ada likes coffee"]);
    bench.memory.take_back(run).await.unwrap();
    assert_eq!(bench.recall(&recall).await, ["Ada likes tea"]);
    let key = MemoryKey::new("tea").unwrap();
    bench.memory.forget(&Selector::Key { scope: Scope::default(), kind: Kind::Semantic, key }).await.unwrap();
    assert_eq!(bench.recall(&recall).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_large_content_is_found_by_its_words_until_it_is_superseded() {
    let bench = Bench::new(hash()).await;
    let large = format!("A zebra. {}", "Grass and more grass. ".repeat(6_000));
    bench.remember("report", fact(&large)).await;
    let recall = Recall::new("zebra");
    assert_eq!(bench.recall(&recall).await.len(), 1);
    bench.remember("report", fact("A short report")).await;
    assert_eq!(bench.recall(&recall).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_is_written_often_hides_nothing() {
    let bench = Bench::new(hash()).await;
    bench.remember("other", fact("The counter of visits is in the hall")).await;
    for count in 0..300 {
        bench.remember("counter", fact(&format!("The counter of visits stands at {count}"))).await;
    }
    let mut found = bench.recall(&Recall { limit: 5, ..Recall::new("counter of visits") }).await;
    found.sort();
    assert_eq!(found, ["The counter of visits is in the hall", "The counter of visits stands at 299"]);
}

#[tokio::test]
async fn filters_hold_for_what_is_recalled_and_no_kind_starves_another() {
    let bench = Bench::new(hash()).await;
    for number in 0..40 {
        let write = fact(&format!("The invoice {number} is due")).tags([if number % 10 == 0 {
            "late"
        } else {
            "early"
        }]);
        bench.remember(&number.to_string(), write).await;
    }
    bench.remember("call", Write::episode("Ada called about the invoice", Episode::default())).await;
    bench.remember("note", Write::working("invoice: ask Ada")).await;
    let elsewhere = fact("An invoice of another scope").scope(Scope::new("other").unwrap());
    bench.remember("elsewhere", elsewhere).await;
    let recall = Recall { limit: 6, ..Recall::new("invoice") };
    let found = bench.memory.recall(&recall).await.unwrap();
    let kinds: Vec<Kind> = found.entries.iter().map(|found| found.entry.kind()).collect();
    assert_eq!(
        (kinds.len(), kinds.contains(&Kind::Episodic), kinds.contains(&Kind::Working)),
        (6, true, true)
    );
    let filter = Filter { tags: vec!["late".to_owned()], ..Filter::default() };
    let recall = Recall { filter, limit: 10, ..recall };
    let mut found = bench.recall(&recall).await;
    found.sort();
    assert_eq!(
        found,
        ["The invoice 0 is due", "The invoice 10 is due", "The invoice 20 is due", "The invoice 30 is due"]
    );
}

#[tokio::test]
async fn likeness_finds_what_has_no_word_in_common() {
    let bench = Bench::new(hash()).await;
    for text in ["Negotiating prices takes patience", "The kitchen is closed on Mondays"] {
        bench.remember(text, fact(text)).await;
    }
    let recalled = bench.memory.recall(&Recall::new("negotiation of a price")).await.unwrap();
    let first = &recalled.entries[0];
    assert_eq!(first.entry.text(), "Negotiating prices takes patience");
    assert_eq!(first.found_by, FoundBy::Indexes(BTreeMap::from([("meaning", 1)])));
}

/// Embeds as long as it is told nothing else.
#[derive(Debug, Default)]
struct Moody {
    embedder: HashEmbedder,
    is_down: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl Embedder for Moody {
    fn name(&self) -> &str {
        self.embedder.name()
    }

    fn model(&self) -> &str {
        self.embedder.model()
    }

    fn dimension(&self) -> Dimension {
        self.embedder.dimension()
    }

    async fn embed(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError> {
        if self.is_down.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(EmbedError::new(
                EmbedErrorKind::Transient { retry_after: None },
                "the server is away",
            ));
        }
        self.embedder.embed(ctx, texts).await
    }
}

#[tokio::test]
async fn without_its_embedder_a_memory_finds_words_and_takes_nothing() {
    let moody = Arc::new(Moody::default());
    let bench = Bench::new(Some(moody.clone())).await;
    bench.remember("tea", fact("Ada likes tea")).await;
    moody.is_down.store(true, std::sync::atomic::Ordering::Relaxed);
    let recalled = bench.memory.recall(&Recall::new("tea")).await.unwrap();
    assert_eq!(recalled.entries[0].entry.text(), "Ada likes tea");
    assert_eq!(
        recalled.problems,
        ["nothing was searched by meaning: the query could not be embedded: the server is away"]
    );
    let refused = bench.memory.remember(fact("Ada likes cake")).await.unwrap_err();
    assert!(
        matches!(refused, MemoryError::Index { code: crate::error::ErrorCode::ModelTransient, .. }),
        "{refused}"
    );
    assert_eq!(bench.memory.usage().await.unwrap().values().map(|usage| usage.entries).sum::<u64>(), 1);
    // Working memory is not embedded.
    bench.remember("note", Write::working("Tea is out")).await;
}

#[tokio::test]
async fn vectorised_is_a_promise_that_needs_an_embedder() {
    let mut config = UnifiedMemoryConfig::ephemeral();
    config.semantic = MemoryConfig { guarantee: MemoryGuarantee::Vectorised, ..config.semantic };
    for (embedder, is_kept) in [(None, false), (hash(), true)] {
        let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
        let tenant = "local".parse().unwrap();
        let indexes = ContentIndexes::open(store.clone(), blobs.clone(), &tenant, embedder).await.unwrap();
        let options = MemoryOptions::new(store, blobs).config(config.clone()).indexes(Arc::new(indexes));
        let memory = Memory::open(options).await.unwrap();
        assert_eq!(memory.validate_kind(Kind::Semantic).is_ok(), is_kept);
        assert_eq!(memory.remember(fact("x")).await.is_ok(), is_kept);
    }
}

#[tokio::test]
async fn a_reranker_has_the_last_word_unless_it_fails() {
    #[derive(Debug)]
    struct ByLength(bool);

    #[async_trait]
    impl Reranker for ByLength {
        async fn rerank(&self, _: &str, texts: &[String]) -> Result<Vec<f64>, RerankError> {
            if self.0 {
                Ok(texts.iter().map(|text| text.len() as f64).collect())
            } else {
                Err(RerankError("no".to_owned()))
            }
        }
    }

    let bench = Bench::new(None).await;
    for text in ["tea", "tea and cake", "tea, cake and a long talk"] {
        bench.remember(text, fact(text)).await;
    }
    let recall = |works| Recall { limit: 2, reranker: Some(Arc::new(ByLength(works))), ..Recall::new("tea") };
    assert_eq!(bench.recall(&recall(true)).await, ["tea, cake and a long talk", "tea and cake"]);
    let recalled = bench.memory.recall(&recall(false)).await.unwrap();
    assert_eq!(recalled.problems, ["the reranker failed: no"]);
    assert_eq!(
        recalled.entries.iter().map(|found| found.entry.text()).collect::<Vec<_>>(),
        ["tea", "tea and cake"]
    );
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_told() {
    let bench = Bench::new(None).await;
    let told = async |recall: Recall| bench.memory.recall(&recall).await.unwrap_err().to_string();
    assert!(told(Recall::new(" \n")).await.contains("the query is empty"));
    assert!(told(Recall::new("x".repeat(65_537))).await.contains("longer than 64 KiB"));
    assert!(told(Recall { kinds: Vec::new(), ..Recall::new("x") }).await.contains("no scope or no kind"));
    let plain = Memory::open(MemoryOptions::in_memory()).await.unwrap();
    plain.remember(fact("Ada likes TEA")).await.unwrap();
    let recalled = plain.recall(&Recall::new("likes tea")).await.unwrap();
    assert_eq!(recalled.entries[0].found_by, FoundBy::Words);
}

#[test]
fn weights_of_nothing_leave_the_fit_alone_and_others_order_by_what_they_say() {
    let at = Moment::from_millis(1_000_000_000);
    let now = at.plus(std::time::Duration::from_secs(7 * 24 * 3_600));
    let entry = |write: Write| {
        let key = MemoryKey::new("k").unwrap();
        crate::memory::Entry {
            id: crate::memory::EntryId::from_bytes([1; 16]),
            scope: write.scope,
            key,
            content: write.content,
            metadata: write.metadata,
            tags: write.tags,
            subjects: write.subjects,
            detail: write.detail,
            source: write.source,
            learned: at,
            until: None,
            supersedes: None,
            superseded_by: None,
            importance: write.importance,
            access_count: 0,
            account: crate::memory::Account::default(),
        }
    };
    let unsure = entry(Write::fact("x", Fact { confidence: 0.5, ..Fact::default() }));
    let episode = entry(Write::episode("x", Episode::default()));
    let important = entry(Write { importance: 10.0, ..fact("x") });
    let factor = |entry: &_, weights: Weights| (weights.factor(entry, now) * 1e6).round() / 1e6;
    for entry in [&unsure, &episode, &important] {
        assert_eq!(factor(entry, Weights::FIT), 1.0);
    }
    let lasting = Weights { decay: None, ..Weights::default() };
    assert_eq!(factor(&unsure, lasting), 0.75);
    assert_eq!(factor(&episode, lasting), 0.75);
    assert_eq!(factor(&important, lasting), 1.5);
    // A quarter of a half-life on, of 10 there are 8.4 left.
    let fading = Decay { half_life: std::time::Duration::from_secs(28 * 24 * 3_600), floor: 0.1 };
    assert_eq!(factor(&important, Weights { decay: Some(fading), ..lasting }), 1.411609);
}

#[derive(Clone, Debug)]
enum Step {
    Remember(u8, Vec<u8>),
    Forget(u8),
    Erase(u8),
    Compact(bool),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..8_u8, prop::collection::vec(0..5_u8, 1..4)).prop_map(|(key, words)| Step::Remember(key, words)),
        2 => (0..8_u8).prop_map(Step::Forget),
        1 => (0..8_u8).prop_map(Step::Erase),
        1 => any::<bool>().prop_map(Step::Compact),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_current_is_found_by_each_of_its_words(steps in steps(), with_vectors: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
            let open = || Bench::on(store.clone(), blobs.clone(), if with_vectors { hash() } else { None });
            let (mut bench, mut model) = (open().await, BTreeMap::new());
            let words = ["apple", "boat", "cloud", "drum", "earth"];
            let of = |key: u8| Selector::Key {
                scope: Scope::default(),
                kind: Kind::Semantic,
                key: MemoryKey::new(&key.to_string()).unwrap(),
            };
            for step in steps {
                match step {
                    Step::Remember(key, said) => {
                        let text: Vec<&str> = said.iter().map(|word| words[usize::from(*word)]).collect();
                        bench.remember(&key.to_string(), fact(&text.join(" "))).await;
                        model.insert(key, text.join(" "));
                    }
                    Step::Forget(key) => {
                        bench.memory.forget(&of(key)).await.unwrap();
                        model.remove(&key);
                    }
                    Step::Erase(key) => {
                        bench.memory.erase(&of(key)).await.unwrap();
                        model.remove(&key);
                    }
                    Step::Compact(all) => bench.indexes.compact(if all { Merge::All } else { Merge::Due }).await.unwrap(),
                    Step::Reopen => {
                        bench.memory.close().await;
                        bench = open().await;
                    }
                }
            }
            for word in words {
                let recalled = bench.memory.recall(&Recall { limit: 100, ..Recall::new(word) }).await.unwrap();
                let holds = |found: &&RecalledEntry| found.entry.text().contains(word);
                let mut found: Vec<String> =
                    recalled.entries.iter().filter(holds).map(|found| found.entry.key.to_string()).collect();
                found.sort();
                let expected = model.iter().filter(|(_, text)| text.contains(word)).map(|(key, _)| key.to_string());
                assert_eq!(found, expected.collect::<Vec<_>>(), "{word}");
                assert!(with_vectors || recalled.entries.iter().all(|found| found.entry.text().contains(word)));
            }
        });
    }
}
