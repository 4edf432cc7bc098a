//! Tests of the embedded store as a whole, and what they share.

mod failures;
mod losses;
mod suites;
mod upkeep;
mod visibility;

use super::{EmbeddedOptions, EmbeddedStore};
use crate::store::disk::SimDisk;
use crate::store::{Batch, CommitError, Durability, Key, Store, StoreError};
use std::sync::Arc;

/// Everything small, so that a few commits go through all of it.
fn tiny() -> EmbeddedOptions {
    EmbeddedOptions {
        segment_bytes: 16 << 10,
        table_bytes: 8 << 10,
        checkpoint_bytes: 24 << 10,
        index_cache_bytes: 1 << 20,
        inline_bytes: 64,
        ..EmbeddedOptions::default()
    }
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn on_sim(disk: &SimDisk, options: EmbeddedOptions) -> Result<EmbeddedStore, StoreError> {
    EmbeddedStore::open_on(Arc::new(disk.clone()), None, options)
}

async fn put(store: &dyn Store, name: &str, value: &str, durability: Durability) -> Result<u64, CommitError> {
    Ok(store.commit(Batch::new().put(key(name), value.to_owned()), durability).await?.0)
}

async fn value(store: &dyn Store, name: &str) -> Option<String> {
    let found = store.get(&key(name)).await.unwrap()?;
    Some(String::from_utf8(found.value.to_vec()).unwrap())
}
