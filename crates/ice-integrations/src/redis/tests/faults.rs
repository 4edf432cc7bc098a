//! What breaks says what broke, in time, and nothing is done twice.

use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::store::{Batch, Durability, Key, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::server::{ALWAYS, NOTHING, Server};
use crate::redis::{InvalidOptions, Options, RedisStore};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn put(name: &str) -> Batch {
    Batch::new().put(key(name), "x")
}

/// Options that wait for nothing long.
fn hasty(address: &str) -> Options {
    let (connect, call) = (Duration::from_millis(500), Duration::from_millis(400));
    Options::new(address).unwrap().timeouts(connect, call).patience(Duration::from_millis(300))
}

#[test]
fn addresses_and_names_are_checked_and_passwords_are_never_shown() {
    for bad in [
        "",
        "redis://",
        "http://127.0.0.1",
        "redis://:hush@127.0.0.1:port",
        "rediss://localhost/#insecure",
        "rediss://a_b..c/",
    ] {
        let refused = Options::new(bad).unwrap_err();
        assert!(matches!(refused, InvalidOptions::Address { .. }), "{bad}");
        assert!(!refused.to_string().contains("hush"), "{refused}");
    }
    let options = Options::new("redis://ada:hush@127.0.0.1:7000/2").unwrap();
    assert_eq!(
        format!("{options:?}"),
        "Options { place: \"redis://127.0.0.1:7000\", name: \"default\", .. }"
    );
    for bad in ["", "A", "a b", "{a}", "ä", &"x".repeat(65)] {
        assert!(options.clone().name(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_in_time() {
    let begun = Instant::now();
    let refused = RedisStore::open(hasty("redis://127.0.0.1:1/")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreUnavailable);
    assert!(refused.to_string().contains("redis://127.0.0.1:1 cannot be reached"), "{refused}");
    // One that takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("redis://{}/", listener.local_addr().unwrap());
    let refused = RedisStore::open(hasty(&address)).await.unwrap_err();
    assert!(refused.to_string().contains("has not answered within"), "{refused}");
    // One that is something else.
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    for address in [address.clone(), address.replace("redis://", "rediss://")] {
        let refused = RedisStore::open(hasty(&address)).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::StoreUnavailable, "{refused}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let locked: Vec<&str> = NOTHING.iter().copied().chain(["--requirepass", "right"]).collect();
    let Some(server) = Server::start(&locked) else { return };
    for address in [server.address(), format!("{}?pass=hush", server.address())] {
        let refused = RedisStore::open(hasty(&address)).await.unwrap_err();
        assert!(refused.to_string().contains("does not accept the name and password"), "{refused}");
        assert!(!format!("{refused} {refused:?}").contains("hush"));
    }
    let right = format!("{}?pass=right", server.address());
    RedisStore::open(hasty(&right)).await.unwrap().commit(put("k"), Durability::Buffered).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_left_in_time_and_used_again() {
    let Some(server) = Server::start(NOTHING) else { return };
    let store = RedisStore::open(hasty(&server.address())).await.unwrap();
    let mut connection = server.connect().await;
    ::redis::cmd("CLIENT").arg("PAUSE").arg(1_500).arg("ALL").exec_async(&mut connection).await.unwrap();
    let begun = Instant::now();
    let refused = store.commit(put("k"), Durability::Buffered).await.unwrap_err();
    assert!(refused.to_string().contains("the commit may or may not have happened"), "{refused}");
    assert!(store.get(&key("k")).await.is_err());
    assert!(begun.elapsed() < Duration::from_millis(1_400), "{:?}", begun.elapsed());
    let again = tokio::time::timeout(Duration::from_secs(20), async {
        while store.get(&key("k")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        store.commit(put("other"), Durability::Buffered).await.unwrap();
    });
    again.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_outlasts_a_restart_of_the_server() {
    let Some(mut server) = Server::start(ALWAYS) else { return };
    let store = server.store("a").await;
    store.commit(put("k"), Durability::PowerLoss).await.unwrap();
    server.kill();
    let asked = key("k");
    let (found, ()) = tokio::join!(store.get(&asked), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.again(ALWAYS);
    });
    assert!(found.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_scripts_are_brought_again() {
    let Some(server) = Server::start(NOTHING) else { return };
    let store = server.store("a").await;
    let mut connection = server.connect().await;
    ::redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut connection).await.unwrap();
    store.commit(put("k"), Durability::Buffered).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_memory_refuses_whole_batches_and_still_reads() {
    let full: Vec<&str> = NOTHING.iter().copied().chain(["--maxmemory", "12mb"]).collect();
    let Some(server) = Server::start(&full) else { return };
    let store = server.store("a").await;
    let mut written = 0_u64;
    let refused = loop {
        let batch =
            Batch::new().put(key("a/").number(written), vec![1; 400_000]).put(key("b/").number(written), "x");
        match store.commit(batch, Durability::Buffered).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100);
    };
    assert!(refused.to_string().contains("has no memory left (maxmemory)"), "{refused}");
    for folder in ["a/", "b/"] {
        assert_eq!(store.scan(&key(folder), None, 1_000).await.unwrap().len() as u64, written);
    }
    server.set("maxmemory", "100mb").await;
    store.commit(put("k"), Durability::Buffered).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_another_format_or_with_foreign_keys_is_refused() {
    let Some(server) = Server::start(NOTHING) else { return };
    let mut connection = server.connect().await;
    let mut set = async |key: &str, field: &str, value: &str| {
        ::redis::cmd("HSET").arg(key).arg(field).arg(value).exec_async(&mut connection).await.unwrap();
    };
    drop(server.store("a").await);
    set("ice:{a}:meta", "format", "ice-redis 9").await;
    let refused = server.try_store("a").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreFormat);
    assert!(refused.to_string().contains("ice-redis 9"), "{refused}");
    set("ice:{b}:values", "k", "x").await;
    assert_eq!(server.try_store("b").await.unwrap_err().code(), ErrorCode::StoreCorrupt);
    // A value that is none of ours is damage, not an answer.
    let store = server.store("c").await;
    set("ice:{c}:values", "k", "x").await;
    assert_eq!(store.get(&key("k")).await.unwrap_err().code(), ErrorCode::StoreCorrupt);
}

/// Passes everything on between a client and the server, but cuts the connection in place of the answer to a commit, as long as
/// it is told to.
async fn cutting(server: &Server, cuts: usize) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("redis://{}/", listener.local_addr().unwrap());
    let (socket, mut tasks) = (server.socket(), JoinSet::new());
    tasks.spawn(async move {
        let left = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(cuts));
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let (socket, left) = (socket.clone(), std::sync::Arc::clone(&left));
            connections.spawn(async move {
                let Ok(server) = UnixStream::connect(socket).await else { return };
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let (mut asked, mut told) = (vec![0; 65_536], vec![0; 65_536]);
                let mut armed = false;
                loop {
                    tokio::select! {
                        read = from_client.read(&mut asked) => {
                            let Ok(size @ 1..) = read else { return };
                            let text = String::from_utf8_lossy(&asked[..size]).into_owned();
                            armed |= text.contains("once-only") && left.load(std::sync::atomic::Ordering::SeqCst) > 0;
                            if to_server.write_all(&asked[..size]).await.is_err() { return }
                        }
                        read = from_server.read(&mut told) => {
                            let Ok(size @ 1..) = read else { return };
                            if armed {
                                left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                                return;
                            }
                            if to_client.write_all(&told[..size]).await.is_err() { return }
                        }
                    }
                }
            });
        }
    });
    (address, tasks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_made_once() {
    let Some(server) = Server::start(ALWAYS) else { return };
    let (address, _tasks) = cutting(&server, 2).await;
    let store = RedisStore::open(Options::new(&address).unwrap()).await.unwrap();
    let other = server.store("default").await;
    let before = store.commit(put("first"), Durability::PowerLoss).await.unwrap();
    // Made again it would find its own key, or take another number.
    let batch = Batch::new().expect_absent(key("once-only")).put(key("once-only"), "x");
    let seq = store.commit(batch, Durability::PowerLoss).await.unwrap();
    assert_eq!(seq.0, before.0 + 1);
    assert_eq!(other.get(&key("once-only")).await.unwrap().unwrap().version.0, seq.0);
    assert_eq!(store.commit(put("next"), Durability::PowerLoss).await.unwrap().0, seq.0 + 1);
}
