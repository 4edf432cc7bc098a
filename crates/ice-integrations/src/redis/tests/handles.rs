//! Several handles on one store, and stores side by side.

use futures::StreamExt;
use ice_core::store::{Batch, BlobStore, Change, ChangeKind, CommitSeq, Durability, Key, Store, WatchEvent};
use ice_core::value::BlobHash;

use super::server::{NOTHING, Server};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn put(name: &str) -> Batch {
    Batch::new().put(key(name), "x")
}

fn changed(seq: CommitSeq, name: &str) -> Option<WatchEvent> {
    Some(WatchEvent::Changed(Change { seq, key: key(name), kind: ChangeKind::Put }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_see_each_others_commits_in_order() {
    let Some(server) = Server::start(NOTHING) else { return };
    let (one, two) = (server.store("a").await, server.store("a").await);
    let mut watch = two.watch(&key("k/"), None);
    let first = one.commit(put("k/1"), Durability::Buffered).await.unwrap();
    assert_eq!(two.get(&key("k/1")).await.unwrap().unwrap().version.0, first.0);
    let second = two.commit(put("k/2"), Durability::Buffered).await.unwrap();
    let third = one.commit(put("k/3"), Durability::Buffered).await.unwrap();
    for (seq, name) in [(first, "k/1"), (second, "k/2"), (third, "k/3")] {
        assert_eq!(watch.next().await, changed(seq, name));
    }
    assert_eq!((second.0, third.0), (first.0 + 1, first.0 + 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_side_by_side_do_not_see_each_other() {
    let Some(server) = Server::start(NOTHING) else { return };
    let (one, two) = (server.store("a").await, server.store("ab").await);
    one.commit(put("k"), Durability::Buffered).await.unwrap();
    assert_eq!(two.get(&key("k")).await.unwrap(), None);
    assert_eq!(two.commit(put("k"), Durability::Buffered).await.unwrap(), CommitSeq(1));
    // In a cluster all keys of a store are in one slot: they have the same text in braces.
    let mut connection = server.connect().await;
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.len() > 8);
    assert!(keys.iter().all(|key| key.starts_with("ice:{a}:") || key.starts_with("ice:{ab}:")), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_very_large_batch_is_a_gap_for_watchers_and_the_stream_stays_small() {
    let Some(server) = Server::start(NOTHING) else { return };
    let store = server.store("a").await;
    let mut watch = store.watch(&key("k/"), None);
    let large = (0..10_000).fold(Batch::new(), |batch, index| batch.put(key("k/").number(index), "x"));
    let seq = store.commit(large.clone(), Durability::Buffered).await.unwrap();
    assert_eq!(watch.next().await, Some(WatchEvent::Gap { from: CommitSeq(0), to: seq }));
    let next = store.commit(put("k/a"), Durability::Buffered).await.unwrap();
    assert_eq!(watch.next().await, changed(next, "k/a"));
    assert_eq!(store.scan(&key("k/"), None, usize::MAX).await.unwrap().len(), 10_001);
    // What watchers are told is bounded in bytes.
    let long = "n".repeat(500);
    for round in 0..25 {
        let batch = (0..2_500)
            .fold(Batch::new(), |batch, index| batch.put(key(&format!("{long}{index}")), round.to_string()));
        store.commit(batch, Durability::Buffered).await.unwrap();
    }
    let mut connection = server.connect().await;
    let told: u64 =
        ::redis::cmd("HGET").arg("ice:{a}:meta").arg("bytes").query_async(&mut connection).await.unwrap();
    let length: u64 = ::redis::cmd("XLEN").arg("ice:{a}:changes").query_async(&mut connection).await.unwrap();
    assert!(told <= 16 << 20 && (5..20).contains(&length), "{told} {length}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_of_another_process_is_spared_while_it_is_at_work() {
    let Some(server) = Server::start(NOTHING) else { return };
    let (one, two) = (server.blobs("a").await, server.blobs("a").await);
    let guard = one.enter();
    let hash = one.put(&guard, "in flight".into(), Durability::Buffered).await.unwrap();
    let nothing = || Box::pin(async { Ok(std::collections::HashSet::<BlobHash>::new()) });
    assert_eq!(two.collect(nothing()).await.unwrap().spared, 1);
    assert!(two.size(&hash).await.unwrap().is_some());
    drop(guard);
    assert_eq!(one.collect(nothing()).await.unwrap().removed, 1);
    assert_eq!(two.size(&hash).await.unwrap(), None);
}
