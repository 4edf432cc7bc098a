//! The suites that every store passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ice_core::store::conformance::{self, BlobSubject, StoreSubject};
use ice_core::store::{BlobStore, Store};
use ice_core::value::BlobHash;

use super::server::{ALWAYS, NOTHING, Server, wait};
use crate::redis::{RedisBlobs, RedisStore};

struct Subject<'s, T> {
    server: &'s Server,
    name: String,
    opened: Option<Arc<T>>,
}

impl<'s, T> Subject<'s, T> {
    fn new(server: &'s Server) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("s{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { server, name, opened: None }
    }
}

impl StoreSubject for Subject<'_, RedisStore> {
    fn store(&self) -> Arc<dyn Store> {
        Arc::<RedisStore>::clone(self.opened.as_ref().unwrap()) as Arc<dyn Store>
    }

    fn reopen(&mut self) {
        self.opened = None;
        self.opened = Some(Arc::new(wait(self.server.store(&self.name))));
    }
}

impl BlobSubject for Subject<'_, RedisBlobs> {
    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::<RedisBlobs>::clone(self.opened.as_ref().unwrap()) as Arc<dyn BlobStore>
    }

    fn damage(&self, hash: &BlobHash) -> bool {
        let key = format!("ice:{{{}}}:blob:{hash}", self.name);
        wait(async {
            let mut connection = self.server.connect().await;
            let part: Vec<u8> =
                ::redis::cmd("HGET").arg(&key).arg(0).query_async(&mut connection).await.unwrap();
            let part: Vec<u8> = part.iter().map(|byte| byte ^ 1).collect();
            let set =
                ::redis::cmd("HSET").arg(&key).arg(0).arg(part).query_async::<i64>(&mut connection).await;
            assert_eq!(set.unwrap(), 0);
        });
        true
    }

    fn reopen(&mut self) {
        self.opened = None;
        self.opened = Some(Arc::new(wait(self.server.blobs(&self.name))));
    }
}

fn store(server: &Server) -> Subject<'_, RedisStore> {
    let mut subject = Subject::new(server);
    StoreSubject::reopen(&mut subject);
    subject
}

fn blobs(server: &Server) -> Subject<'_, RedisBlobs> {
    let mut subject = Subject::new(server);
    BlobSubject::reopen(&mut subject);
    subject
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_redis_conforms() {
    let Some(server) = Server::start(ALWAYS) else { return };
    conformance::store(|| store(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_a_redis_that_promises_nothing_conforms() {
    let Some(server) = Server::start(NOTHING) else { return };
    conformance::store(|| store(&server)).await;
}

#[test]
fn the_store_in_redis_agrees_with_the_model() {
    let Some(server) = Server::start(ALWAYS) else { return };
    conformance::model(48, || store(&server));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_conform_in_redis() {
    let Some(server) = Server::start(ALWAYS) else { return };
    conformance::lease(|| store(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inboxes_conform_in_redis() {
    let Some(server) = Server::start(ALWAYS) else { return };
    conformance::inbox(|| store(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blobs_in_redis_conform() {
    let Some(server) = Server::start(ALWAYS) else { return };
    conformance::blobs(|| blobs(&server)).await;
}
