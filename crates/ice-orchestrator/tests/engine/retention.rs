//! Retention: runs that have ended are removed whole, and nothing else is.

use std::sync::Arc;

use crate::common::{json, me, plan, registry};
use ice_core::embedding::{Dimension, Embedding};
use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::segments::{Attributes, ItemId, Merge, Options, Place};
use ice_core::store::{Batch, BlobStore, Durability, Key, MemoryBlobs, MemoryStore, Store};
use ice_core::time::{Moment, SystemIds, TestClock};
use ice_core::value::{BlobHash, Value};
use ice_core::vector::{Collection, Item, Metric, Space, Wanted};
use ice_orchestrator::engine::{Engine, Fork, Retention, RunError};
use ice_orchestrator::journal::{RunOptions, RunStatus};

#[cfg(test)]
struct Ground {
    engine: Engine,
    store: Arc<MemoryStore>,
    blobs: Arc<MemoryBlobs>,
    clock: Arc<TestClock>,
}

#[cfg(test)]
impl Ground {
    fn new() -> Self {
        let clock = Arc::new(TestClock::new(Moment::from_millis(1_000_000_000)));
        let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
        let builder = Engine::builder().store(Arc::clone(&store) as _, Arc::clone(&blobs) as _);
        let engine = builder.registry(registry()).time(Arc::clone(&clock) as _, Arc::new(SystemIds)).build();
        Self { engine, store, blobs, clock }
    }

    async fn run(&self, tenant: &Tenant, text: &str, key: Option<&str>) -> RunId {
        let yaml = "nodes: [{id: n, type: tool, tool_name: same, tool_args: {value: '{{ inputs.text }}'}}]";
        let options = RunOptions { idempotency_key: key.map(str::to_owned), ..RunOptions::default() };
        let inputs = Value::map([("text", Value::from(text))]);
        let plan = plan(yaml, self.engine.registry());
        let handle = self.engine.start(&plan, inputs, options, &me(), tenant).await.unwrap();
        assert_eq!(handle.wait().await.unwrap().status, RunStatus::Succeeded);
        handle.id()
    }

    async fn prune(&self, retention: Retention) -> Result<ice_orchestrator::engine::Pruned, RunError> {
        self.engine.prune(&Tenant::default(), &retention).await
    }

    /// The keys in which the run's id stands.
    async fn keys_of(&self, run: RunId) -> usize {
        let all = self.store.scan(&Key::new("t/").unwrap(), None, 10_000).await.unwrap();
        let text = run.to_string();
        let complement = format!("{:032x}", !u128::from_str_radix(&text.replace('-', ""), 16).unwrap());
        let is_of = |key: &str| key.contains(&text) || key.contains(&complement);
        all.iter().filter(|entry| is_of(entry.key.as_str())).count()
    }
}

fn all(before: Moment) -> Retention {
    Retention { before, status: None, keep: 0, dry_run: false }
}

#[cfg(test)]
fn long(letter: &str) -> String {
    letter.repeat(300_000)
}

#[tokio::test]
async fn what_only_a_removed_run_needed_goes_with_it_and_the_rest_stays() {
    let ground = Ground::new();
    let (ours, theirs) = (Tenant::default(), "other".parse::<Tenant>().unwrap());
    let old = ground.run(&ours, &long("a"), Some("k")).await;
    let foreign = ground.run(&theirs, &long("b"), None).await;
    ground.clock.advance(std::time::Duration::from_secs(100));
    let between = ground.engine.now();
    ground.clock.advance(std::time::Duration::from_secs(100));
    let young = ground.run(&ours, &long("c"), None).await;
    let has = async |letter: &str| {
        let hash = BlobHash::of(long(letter).as_bytes());
        ground.blobs.size(&hash).await.unwrap().is_some()
    };
    assert!(has("a").await && has("b").await && has("c").await);
    let told = ground.prune(Retention { dry_run: true, ..all(between) }).await.unwrap();
    assert_eq!((told.runs, told.blobs), (vec![old], 0));
    assert!(ground.keys_of(old).await > 3);
    let kept = ground.prune(Retention { keep: 1, ..all(between) }).await.unwrap();
    assert!(kept.runs.is_empty());
    let pruned = ground.prune(all(between)).await.unwrap();
    assert_eq!(pruned.runs, [old]);
    assert!(pruned.blobs > 0 && pruned.blob_bytes >= 300_000, "{pruned:?}");
    assert_eq!(ground.keys_of(old).await, 0);
    assert!(!has("a").await && has("b").await && has("c").await);
    assert!(matches!(ground.engine.show(&ours, old).await, Err(RunError::NotFound(_))));
    for (tenant, run) in [(&theirs, foreign), (&ours, young)] {
        assert_eq!(ground.engine.show(tenant, run).await.unwrap().status, RunStatus::Succeeded);
    }
    // The key is free again.
    assert_ne!(ground.run(&ours, "x", Some("k")).await, old);
}

#[tokio::test]
async fn runs_that_have_not_ended_and_forks_stay() {
    let ground = Ground::new();
    let plan = plan("nodes: [{id: ask, type: human, prompt_message: ok?}]", ground.engine.registry());
    let tenant = Tenant::default();
    let waits = ground.engine.start(&plan, json("{}"), RunOptions::default(), &me(), &tenant).await.unwrap();
    let first = ground.run(&tenant, &long("a"), None).await;
    ground.clock.advance(std::time::Duration::from_secs(1));
    let middle = ground.engine.now();
    ground.clock.advance(std::time::Duration::from_secs(1));
    let fork = ground.engine.fork(&tenant, first, Fork::at("n".parse().unwrap()), &me()).await.unwrap();
    fork.wait().await.unwrap();
    assert_eq!(ground.prune(all(middle)).await.unwrap().runs, [first]);
    let document = ground.engine.show(&tenant, fork.id()).await.unwrap();
    assert_eq!(document.output.get("n"), Some(&Value::from(long("a"))));
    assert_eq!(ground.engine.show(&tenant, waits.id()).await.unwrap().status, RunStatus::Waiting);
    let wrong = ground.prune(Retention { status: Some(RunStatus::Waiting), ..all(middle) }).await;
    assert_eq!(wrong.unwrap_err().code(), ErrorCode::InputInvalid);
}

#[tokio::test]
async fn blobs_of_an_index_stay() {
    let ground = Ground::new();
    let dimension = Dimension::new(2).unwrap();
    let space = Space { model: "mini".into(), dimension, metric: Metric::Dot };
    let open = async || {
        let place = Place::new(Key::new("t/other/vectors/").unwrap()).unwrap();
        let (store, blobs): (Arc<dyn Store>, Arc<dyn BlobStore>) =
            (ground.store.clone(), ground.blobs.clone());
        Collection::open(store, blobs, place, space.clone(), Options::default()).await.unwrap()
    };
    let (vectors, vector) = (open().await, Embedding::new("mini", dimension, [1.0, 2.0]).unwrap());
    let item = Item { id: ItemId::new([1; 16]), vector: vector.clone(), attributes: Attributes::default() };
    let batch = vectors.put(Batch::new(), &[item]).unwrap();
    ground.store.commit(batch, Durability::Buffered).await.unwrap();
    vectors.compact(Merge::Due).await.unwrap();
    let run = ground.run(&Tenant::default(), &long("a"), None).await;
    ground.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(ground.prune(all(ground.engine.now())).await.unwrap().runs, [run]);
    assert_eq!(ground.blobs.size(&BlobHash::of(long("a").as_bytes())).await.unwrap(), None);
    let found = open().await.search(&vector, &Wanted::nearest(3)).await.unwrap();
    assert_eq!(found.iter().map(|hit| hit.score).collect::<Vec<_>>(), [5.0]);
}
