//! The suites on the implementations in memory.

use std::sync::Arc;

use super::*;
use crate::store::{BlobStore, MemoryBlobs, MemoryStore, Store};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_memory_conforms() {
    store(memory).await;
}

#[test]
fn the_store_in_memory_agrees_with_the_model() {
    model(256, memory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_conform_in_memory() {
    lease(memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inboxes_conform_in_memory() {
    inbox(memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blobs_in_memory_conform() {
    blobs(|| -> Arc<dyn BlobStore> { Arc::new(MemoryBlobs::new()) }).await;
}
