//! Memory in Redis: the suites of memory, what is promised when, and what is there after a `kill -9`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ice_core::memory::{
    Episode, Fact, Kind, Memory, MemoryError, MemoryGuarantee, MemoryKey, MemoryOptions, Procedure, Scope,
    Selector, UnifiedMemoryConfig, Write, conformance, reachable,
};
use ice_core::store::{BlobStore, Store};
use ice_core::value::BlobHash;

use super::server::{ALWAYS, NOTHING, Server, wait};

type Stores = (Arc<dyn Store>, Arc<dyn BlobStore>);

async fn named(server: &Server, name: &str) -> Stores {
    (Arc::new(server.store(name).await), Arc::new(server.blobs(name).await))
}

/// Stores of which nobody has heard.
async fn fresh(server: &Server) -> Stores {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    named(server, &format!("m{}", NEXT.fetch_add(1, Ordering::Relaxed))).await
}

async fn open(stores: &Stores, config: UnifiedMemoryConfig) -> Memory {
    let (store, blobs) = stores.clone();
    Memory::open(MemoryOptions::new(store, blobs).config(config)).await.unwrap()
}

fn write(kind: Kind, content: &str) -> Write {
    match kind {
        Kind::Working => Write::working(content),
        Kind::Episodic => Write::episode(content, Episode::default()),
        Kind::Semantic => Write::fact(content, Fact::default()),
        Kind::Procedural => {
            Write::procedure(content, Procedure { name: "P".to_owned(), ..Procedure::default() })
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_in_redis_conforms() {
    let Some(server) = Server::start(ALWAYS) else { return };
    conformance::kinds(async || fresh(&server).await).await;
}

#[test]
fn memory_in_redis_agrees_with_the_model() {
    let Some(server) = Server::start(NOTHING) else { return };
    conformance::model(24, || wait(fresh(&server)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_kind_acknowledged_is_there_after_the_server_was_killed() {
    let Some(mut server) = Server::start(ALWAYS) else { return };
    let key = |number: usize| MemoryKey::new(&format!("key {number}")).unwrap();
    for round in 0..3 {
        let stores = named(&server, "kept").await;
        let memory = open(&stores, UnifiedMemoryConfig::default()).await;
        memory.validate().unwrap();
        for kind in Kind::ALL {
            // What is working promises nothing.
            for number in 0..if kind == Kind::Working { 0 } else { round * 10 } {
                let found = memory.get(&Scope::default(), kind, &key(number)).await.unwrap();
                let found = found.unwrap_or_else(|| panic!("{kind} {number} is lost in round {round}"));
                let filler = if number.is_multiple_of(5) { 100_000 } else { 0 };
                assert_eq!(found.text(), format!("{number} {}", "x".repeat(filler)), "{kind}");
            }
            for number in round * 10..(round + 1) * 10 {
                let filler = if number.is_multiple_of(5) { 100_000 } else { 0 };
                let content = format!("{number} {}", "x".repeat(filler));
                memory.remember(write(kind, &content).key(key(number))).await.unwrap();
            }
        }
        // Nothing is written out in peace.
        server.kill();
        server.again(ALWAYS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_does_not_promise_memory_does_not_and_says_so() {
    let Some(server) = Server::start(NOTHING) else { return };
    let stores = fresh(&server).await;
    let memory = open(&stores, UnifiedMemoryConfig::default()).await;
    let refused = memory.validate().unwrap_err();
    assert!(
        matches!(&refused, MemoryError::Guarantee { guarantee: MemoryGuarantee::Durable, .. }),
        "{refused}"
    );
    let refused = memory.remember(write(Kind::Semantic, "x")).await.unwrap_err();
    assert!(matches!(refused, MemoryError::Guarantee { .. }), "{refused}");
    let ephemeral = open(&stores, UnifiedMemoryConfig::ephemeral()).await;
    ephemeral.remember(write(Kind::Semantic, "x")).await.unwrap();
    // A server that is set to keep everything promises it from then on.
    server.set("appendonly", "yes").await;
    server.set("appendfsync", "always").await;
    let again = fresh(&server).await;
    let memory = open(&again, UnifiedMemoryConfig::default()).await;
    memory.validate().unwrap();
    memory.remember(write(Kind::Semantic, "x")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_contents_that_nothing_names_any_more_are_collected() {
    let Some(server) = Server::start(ALWAYS) else { return };
    let stores = fresh(&server).await;
    let memory = open(&stores, UnifiedMemoryConfig::default()).await;
    let contents = [0, 1].map(|number| format!("{number} {}", "x".repeat(100_000)));
    for content in &contents {
        let key = MemoryKey::new(&content[..1]).unwrap();
        memory.remember(write(Kind::Semantic, content).key(key)).await.unwrap();
    }
    let hash = |content: &str| BlobHash::of(&serde_json::to_vec(content).unwrap());
    let key = MemoryKey::new("0").unwrap();
    memory.erase(&Selector::Key { scope: Scope::default(), kind: Kind::Semantic, key }).await.unwrap();
    memory.close().await;
    let (store, blobs) = &stores;
    let collected = blobs.collect(Box::pin(reachable(&**store, memory.tenant()))).await.unwrap();
    assert_eq!(collected.removed, 1);
    let sizes =
        [blobs.size(&hash(&contents[0])).await.unwrap(), blobs.size(&hash(&contents[1])).await.unwrap()];
    assert!(sizes[0].is_none() && sizes[1].is_some(), "{sizes:?}");
}
