//! The embedded store with more than it may keep in memory: only a long run of CI does this.
#![expect(clippy::unwrap_used, reason = "a test: a failure is a panic by definition")]

use std::path::Path;

use bytes::Bytes;
use ice_core::store::{Batch, Durability, EmbeddedOptions, EmbeddedStore, Key, Store};

const KEYS: u64 = 1_000_000;
const PER_BATCH: u64 = 1_000;
/// Entries that are looked at in one piece.
const PAGE: usize = 10_000;

const MIB: usize = 1 << 20;

/// What is under a key: sizes from nothing to more than is kept with the key.
fn value(number: u64, round: u8) -> Bytes {
    let size = usize::try_from(number * 7 % 150).unwrap();
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(bytes.len() + size, round);
    bytes.into()
}

/// What must be there in the end: every third key was removed, every fifth of the others written anew.
fn expected(number: u64) -> Option<Bytes> {
    if number.is_multiple_of(3) { None } else { Some(value(number, u8::from(number.is_multiple_of(5)))) }
}

async fn in_batches(store: &EmbeddedStore, mut add: impl FnMut(Batch, u64) -> Batch) {
    for start in (0..KEYS).step_by(usize::try_from(PER_BATCH).unwrap()) {
        let batch = (start..start + PER_BATCH).fold(Batch::new(), &mut add);
        store.commit(batch, Durability::ProcessCrash).await.unwrap();
    }
}

/// Everything that is there, page by page, is what must be there.
async fn check(store: &EmbeddedStore, prefix: &Key) {
    let mut wanted = (0..KEYS).filter_map(|number| Some((number, expected(number)?)));
    let mut after: Option<Key> = None;
    loop {
        let page = store.scan(prefix, after.as_ref(), PAGE).await.unwrap();
        for entry in &page {
            let found = entry.key.number_after(prefix).map(|number| (number, entry.value.clone()));
            assert_eq!(found, wanted.next());
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last.key),
            None => break,
        }
    }
    assert_eq!(wanted.next(), None);
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| {
        if entry.file_type().unwrap().is_dir() {
            size(&entry.path())
        } else {
            entry.metadata().unwrap().len()
        }
    });
    sizes.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: a million keys, three times over"]
async fn a_million_keys_are_kept_changed_removed_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        table_bytes: 4 * MIB,
        checkpoint_bytes: 8 * MIB as u64,
        index_cache_bytes: 4 * MIB as u64,
        ..EmbeddedOptions::default()
    };
    let prefix = Key::new("many/").unwrap();
    let store = EmbeddedStore::open(folder.path(), options).unwrap();
    in_batches(&store, |batch, number| batch.put(prefix.number(number), value(number, 0))).await;
    in_batches(&store, |batch, number| {
        if number.is_multiple_of(3) {
            batch.delete(prefix.number(number))
        } else if number.is_multiple_of(5) {
            batch.put(prefix.number(number), value(number, 1))
        } else {
            batch
        }
    })
    .await;
    check(&store, &prefix).await;
    // Found again after a clean end, and once more when the index must be made anew.
    store.close().await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(folder.path(), options).unwrap();
    check(&store, &prefix).await;
    store.close().await.unwrap();
    drop(store);
    std::fs::remove_dir_all(folder.path().join("index")).unwrap();
    let store = EmbeddedStore::open(folder.path(), options).unwrap();
    check(&store, &prefix).await;
    for number in (0..KEYS).step_by(9_973) {
        let found = store.get(&prefix.number(number)).await.unwrap().map(|found| found.value);
        assert_eq!(found, expected(number), "{number}");
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: writes two gibibytes"]
async fn what_is_written_over_gives_its_room_back() {
    const LIVE: u64 = 64;
    const ROUNDS: u64 = 32;
    let folder = tempfile::tempdir().unwrap();
    let prefix = Key::new("large/").unwrap();
    let body = |number: u64, round: u64| {
        let mut bytes = vec![u8::try_from((number * 31 + round) % 256).unwrap(); MIB];
        bytes.splice(..16, [number.to_le_bytes(), round.to_le_bytes()].concat());
        Bytes::from(bytes)
    };
    let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap();
    for round in 0..ROUNDS {
        for number in 0..LIVE {
            let batch = Batch::new().put(prefix.number(number), body(number, round));
            store.commit(batch, Durability::ProcessCrash).await.unwrap();
        }
    }
    for _ in 0..3 {
        store.checkpoint().await.unwrap();
    }
    let kept = size(folder.path());
    assert!(kept < 2 * LIVE * MIB as u64, "{} MiB for {LIVE} MiB", kept >> 20);
    store.close().await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap();
    for number in 0..LIVE {
        let found = store.get(&prefix.number(number)).await.unwrap().unwrap();
        assert_eq!(found.value, body(number, ROUNDS - 1), "{number}");
    }
    store.close().await.unwrap();
}
