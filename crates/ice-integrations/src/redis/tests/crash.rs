//! What is left when the server ends suddenly.

use std::collections::BTreeMap;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::store::{Batch, BlobStore, Durability, Key, Store, StoreError};
use tokio::task::JoinSet;

use super::server::{ALWAYS, NOTHING, Server};
use crate::redis::RedisStore;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

async fn put(store: &RedisStore, name: &str, value: &str) -> u64 {
    store.commit(Batch::new().put(key(name), value.to_owned()), Durability::Buffered).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_commit_is_lost_when_the_server_is_killed() {
    let Some(mut server) = Server::start(ALWAYS) else { return };
    let store = std::sync::Arc::new(server.store("a").await);
    assert_eq!(store.offers().durability, Durability::PowerLoss);
    let blobs = server.blobs("a").await;
    let mut last = 0;
    for round in 0..4_u64 {
        let guard = blobs.enter();
        let kept = vec![u8::try_from(round).unwrap(); 3_000_000];
        let hash = blobs.put(&guard, kept.clone().into(), Durability::PowerLoss).await.unwrap();
        let mut writers = JoinSet::new();
        for writer in 0..8_u64 {
            let store = std::sync::Arc::clone(&store);
            writers.spawn(async move {
                let mut done = BTreeMap::new();
                for index in 0_u64.. {
                    let name = key("w/").folder(&format!("{round}-{writer}")).number(index);
                    let batch = Batch::new().put(name.clone(), vec![7; 2_000]).put(key("newest"), "x");
                    match store.commit(batch, Durability::PowerLoss).await {
                        Ok(seq) => assert!(done.insert(seq.0, name).is_none()),
                        Err(_) => break,
                    }
                }
                done
            });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill();
        let mut done = BTreeMap::new();
        while let Some(one) = writers.join_next().await {
            done.extend(one.unwrap());
        }
        assert!(done.len() > 20, "{}", done.len());
        server.again(ALWAYS);
        for (seq, name) in &done {
            let found = store.get(name).await.unwrap().expect("what was acknowledged is there");
            assert_eq!(found.version.0, *seq);
        }
        assert!(*done.keys().next().unwrap() > last, "numbers ascend over a restart");
        last = *done.keys().last().unwrap();
        assert_eq!(blobs.get(&hash, None).await.unwrap(), kept);
        // A handle that is opened anew goes on behind all that was ever given out.
        let fresh = server.store("a").await;
        let next = put(&fresh, "fresh", "1").await;
        assert!(next > last);
        last = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_everything_is_not_taken_for_an_empty_one() {
    let Some(mut server) = Server::start(NOTHING) else { return };
    let store = server.store("a").await;
    let mut watch = store.watch(&key("k/"), None);
    put(&store, "k/1", "1").await;
    put(&store, "k/2", "2").await;
    server.kill();
    server.again(NOTHING);
    let lost = store.get(&key("k/1")).await.unwrap_err();
    assert_eq!(lost.code(), ErrorCode::StoreCorrupt);
    assert!(lost.to_string().starts_with("acknowledged commits 1 to 2 are lost"), "{lost}");
    let refused = store.commit(Batch::new().put(key("k/3"), "3"), Durability::Buffered).await.unwrap_err();
    assert_eq!(refused.to_string(), lost.to_string());
    assert!(store.scan(&key("k/"), None, 10).await.is_err());
    assert_eq!(store.failed().await.to_string(), lost.to_string());
    // Its watches end, behind what they had seen.
    use futures::StreamExt;
    assert!(watch.next().await.is_some() && watch.next().await.is_some());
    assert_eq!(watch.next().await, None);
    // Who knows that there was a store says so, and is told.
    let options = server.options().name("a").unwrap().existing();
    let refused = RedisStore::open(options.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("has no store \"a\""), "{refused}");
    // Opening it again without that is to accept the loss.
    let fresh = server.store("a").await;
    assert_eq!(put(&fresh, "k/1", "1").await, 1);
    RedisStore::open(options).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_the_last_commits_is_caught() {
    let Some(mut server) = Server::start(NOTHING) else { return };
    let store = server.store("a").await;
    for index in 1..=5 {
        put(&store, &format!("k/{index}"), "x").await;
    }
    let mut connection = server.connect().await;
    ::redis::cmd("SAVE").exec_async(&mut connection).await.unwrap();
    let behind = server.store("a").await;
    for index in 6..=9 {
        put(&store, &format!("k/{index}"), "x").await;
    }
    server.kill();
    server.again(NOTHING);
    // One who comes first makes the store go on; the other one still notices.
    let fresh = server.store("a").await;
    assert!(put(&fresh, "k/10", "x").await > 9);
    let lost = store.get(&key("k/1")).await.unwrap_err();
    let StoreError::Lost(loss) = &lost else { panic!("{lost}") };
    assert_eq!((loss.first.0, loss.last.0), (6, 9));
    // It had followed the same commits.
    assert!(behind.get(&key("k/1")).await.is_err());
    assert_eq!(fresh.scan(&key("k/"), None, 100).await.unwrap().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_emptied_is_caught() {
    let Some(server) = Server::start(ALWAYS) else { return };
    for (name, commit) in [("get", false), ("commit", true)] {
        let store = server.store(name).await;
        put(&store, "k/1", "x").await;
        let mut connection = server.connect().await;
        ::redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
        let lost = if commit {
            store
                .commit(Batch::new().put(key("k/2"), "x"), Durability::PowerLoss)
                .await
                .unwrap_err()
                .to_string()
        } else {
            store.get(&key("k/1")).await.unwrap_err().to_string()
        };
        assert!(lost.contains("acknowledged commits 1 to 1 are lost"), "{lost}");
        let keys: i64 = ::redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap();
        assert_eq!(keys, 0, "nothing is written into what is another store");
    }
}
