//! What is on offer follows the configuration of the server.

use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::store::{Batch, BlobStore, Durability, Key, Store};

use super::server::{ALWAYS, NOTHING, Server};

fn batch() -> Batch {
    Batch::new().put(Key::new("k").unwrap(), "x")
}

/// Waits until something holds, which it does soon.
async fn soon(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_are_what_the_server_promises() {
    let everysec = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""];
    let snapshots = ["--appendonly", "no", "--save", "3600 1"];
    let table: [(&[&str], _, _); 4] = [
        (ALWAYS, Durability::PowerLoss, true),
        (&everysec, Durability::Buffered, true),
        (&snapshots, Durability::Buffered, true),
        (NOTHING, Durability::Buffered, false),
    ];
    for (options, durability, persistent) in table {
        let Some(server) = Server::start(options) else { return };
        let store = server.store("a").await;
        let offers = store.offers();
        assert_eq!((offers.durability, offers.persistent), (durability, persistent), "{options:?}");
        assert_eq!(server.blobs("a").await.durability(), durability);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_degrades_offers_less_and_more_again() {
    let Some(server) = Server::start(ALWAYS) else { return };
    let (store, blobs) = (server.store("a").await, server.blobs("a").await);
    store.commit(batch(), Durability::PowerLoss).await.unwrap();
    server.set("appendfsync", "everysec").await;
    soon("the store offers less", || store.offers().durability == Durability::Buffered).await;
    soon("the blobs offer less", || blobs.durability() == Durability::Buffered).await;
    let refused = store.commit(batch(), Durability::PowerLoss).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::DurabilityUnavailable);
    let refused = blobs.put(&blobs.enter(), "x".into(), Durability::PowerLoss).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::DurabilityUnavailable);
    store.commit(batch(), Durability::Buffered).await.unwrap();
    server.set("appendonly", "no").await;
    soon("nothing persists", || !store.offers().persistent).await;
    server.set("appendonly", "yes").await;
    server.set("appendfsync", "always").await;
    soon("all is on offer again", || store.offers().durability == Durability::PowerLoss).await;
    store.commit(batch(), Durability::PowerLoss).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_reached_offers_nothing() {
    let Some(mut server) = Server::start(ALWAYS) else { return };
    let store = server.store("a").await;
    server.kill();
    soon("nothing is on offer", || store.offers().durability == Durability::Buffered).await;
    server.again(ALWAYS);
    soon("all is on offer again", || store.offers().durability == Durability::PowerLoss).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_would_remove_keys_is_refused() {
    let evicting: Vec<&str> = ALWAYS.iter().copied().chain(["--maxmemory-policy", "allkeys-lru"]).collect();
    let Some(server) = Server::start(&evicting) else { return };
    let refused = server.try_store("a").await.unwrap_err();
    assert!(refused.to_string().contains("set maxmemory-policy to noeviction"), "{refused}");
    server.set("maxmemory-policy", "noeviction").await;
    let store = server.store("a").await;
    store.commit(batch(), Durability::PowerLoss).await.unwrap();
    // One that begins to do so is refused while it does.
    server.set("maxmemory-policy", "volatile-ttl").await;
    soon("nothing is on offer", || !store.offers().persistent).await;
    let refused = store.commit(batch(), Durability::Buffered).await.unwrap_err();
    assert!(refused.to_string().contains("maxmemory-policy is volatile-ttl"), "{refused}");
    server.set("maxmemory-policy", "noeviction").await;
    soon("all is on offer again", || store.offers().durability == Durability::PowerLoss).await;
    store.commit(batch(), Durability::PowerLoss).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_read_is_not_promised() {
    let Some(server) = Server::start(ALWAYS) else { return };
    let mut connection = server.connect().await;
    let user = ["SETUSER", "plain", "on", ">word", "~*", "+@all", "-config"];
    ::redis::cmd("ACL").arg(&user).exec_async(&mut connection).await.unwrap();
    let address = format!("{}?user=plain&pass=word", server.address());
    let options = crate::redis::Options::new(&address).unwrap();
    let store = crate::redis::RedisStore::open(options).await.unwrap();
    assert_eq!((store.offers().durability, store.offers().persistent), (Durability::Buffered, false));
    store.commit(batch(), Durability::Buffered).await.unwrap();
}
