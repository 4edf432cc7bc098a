//! The keeper at work: index, checkpoints, removal, and making the index anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::super::{EmbeddedOptions, EmbeddedStore};
use super::{key, put, tiny};
use crate::error::ErrorCode;
use crate::store::conformance::spawn;
use crate::store::{Batch, Durability, Key, Store, Version, Versioned};

fn log_bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder.join("log")).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dead_is_removed_and_what_is_alive_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    let long = |index: usize| "v".repeat(1_000 + index);
    let mut oracle = BTreeMap::new();
    for index in 0..3_000 {
        // Most are written over and over, some stay between them, some are removed.
        let name =
            if index % 50 == 0 { format!("stays/{index:05}") } else { format!("hot/{:02}", index % 20) };
        put(&store, &name, &long(index), Durability::Buffered).await.unwrap();
        oracle.insert(name, long(index));
        if index % 100 == 99 {
            store.commit(Batch::new().delete(key("hot/07")), Durability::Buffered).await.unwrap();
            oracle.remove("hot/07");
        }
    }
    for _ in 0..3 {
        store.checkpoint().await.unwrap();
    }
    let alive: usize = oracle.values().map(String::len).sum();
    let size = log_bytes(folder.path());
    assert!(size < 3 * alive as u64 + 64 * 1_024, "{size} bytes of log for {alive} alive");
    assert!(folder.path().join("index/db").exists(), "the index was used");
    check_text(&store, &oracle).await;
    store.close().await.unwrap();
    drop(store);
    check_text(&EmbeddedStore::open(folder.path(), tiny()).unwrap(), &oracle).await;
}

async fn check_text(store: &dyn Store, oracle: &BTreeMap<String, String>) {
    let mut found = BTreeMap::new();
    for prefix in ["stays/", "hot/"] {
        for entry in store.scan(&key(prefix), None, usize::MAX).await.unwrap() {
            found.insert(entry.key.to_string(), String::from_utf8(entry.value.to_vec()).unwrap());
        }
    }
    assert_eq!(found, *oracle);
}

/// One writer with its own keys, who knows at any time what must be there.
async fn work(store: Arc<dyn Store>, writer: u64, rounds: u64) -> BTreeMap<Key, Versioned> {
    let folder = key("w/").folder(&writer.to_string());
    let mut oracle = BTreeMap::<Key, Versioned>::new();
    let mut dice = writer.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    for round in 0..rounds {
        let mut batch = Batch::new();
        let mut changes = Vec::new();
        for _ in 0..=roll(4) {
            let name = folder.number(roll(200));
            let value = (roll(5) > 0).then(|| {
                let sizes = [10, 60, 70, 300, 2_000, 20_000];
                let size = sizes[usize::try_from(roll(6)).unwrap()];
                Bytes::from(vec![u8::try_from(round % 256).unwrap(); size])
            });
            if roll(2) == 0 && changes.iter().all(|(changed, _)| *changed != name) {
                batch = match oracle.get(&name) {
                    Some(found) => batch.expect_version(name.clone(), found.version),
                    None => batch.expect_absent(name.clone()),
                };
            }
            batch = match &value {
                Some(value) => batch.put(name.clone(), value.clone()),
                None => batch.delete(name.clone()),
            };
            changes.push((name, value));
        }
        let levels =
            [Durability::Buffered, Durability::Buffered, Durability::ProcessCrash, Durability::PowerLoss];
        let seq = store.commit(batch, levels[usize::try_from(roll(4)).unwrap()]).await.unwrap();
        for (name, value) in changes {
            match value {
                Some(value) => oracle.insert(name, Versioned { value, version: Version(seq.0) }),
                None => oracle.remove(&name),
            };
        }
        let name = folder.number(roll(200));
        assert_eq!(store.get(&name).await.unwrap().as_ref(), oracle.get(&name), "{name} in round {round}");
        if round % 16 == 0 {
            check_all(&*store, &folder, &oracle).await;
        }
    }
    oracle
}

async fn check_all(store: &dyn Store, folder: &Key, oracle: &BTreeMap<Key, Versioned>) {
    let entries = store.scan(folder, None, usize::MAX).await.unwrap();
    let found: BTreeMap<Key, Versioned> = entries
        .into_iter()
        .map(|entry| (entry.key, Versioned { value: entry.value, version: entry.version }))
        .collect();
    let keys = |map: &BTreeMap<Key, Versioned>| -> BTreeSet<(Key, Version)> {
        map.iter().map(|(key, found)| (key.clone(), found.version)).collect()
    };
    let (there, expected) = (keys(&found), keys(oracle));
    let differing: Vec<_> = there.symmetric_difference(&expected).collect();
    assert!(differing.is_empty(), "{folder}: {differing:?}");
    assert!(found == *oracle, "a value differs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_writers_do_not_notice_the_keeper() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder.path(), tiny()).unwrap());
    let tasks: Vec<_> = (0..4).map(|writer| spawn(work(Arc::clone(&store), writer, 400))).collect();
    let mut oracles = Vec::new();
    for task in tasks {
        oracles.push(task.await.unwrap());
    }
    drop(store);
    assert!(folder.path().join("index/db").exists(), "the index was used");
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    for (writer, oracle) in oracles.iter().enumerate() {
        check_all(&store, &key("w/").folder(&writer.to_string()), oracle).await;
    }
}

/// A store with an index, a checkpoint and a log, and what must be in it.
async fn filled(folder: &std::path::Path) -> BTreeMap<Key, Versioned> {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder, tiny()).unwrap());
    let oracle = work(Arc::clone(&store), 1, 300).await;
    drop(store);
    assert!(folder.join("INDEX").exists() && folder.join("index/db").exists());
    oracle
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_breaks_in_use_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedStore::open(folder.path(), tiny()).unwrap());
    let mut oracles = BTreeMap::new();
    for writer in 0..8 {
        oracles.insert(writer, work(Arc::clone(&store) as Arc<dyn Store>, writer, 120).await);
        if writer % 2 == 1 {
            store.checkpoint().await.unwrap();
        }
        store.damage_index();
        for (writer, oracle) in &oracles {
            check_all(&*store, &key("w/").folder(&writer.to_string()), oracle).await;
        }
    }
    drop(store);
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    for (writer, oracle) in &oracles {
        check_all(&store, &key("w/").folder(&writer.to_string()), oracle).await;
    }
}

fn damage_file(path: &std::path::Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_or_missing_index_is_made_anew() {
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 9] = [
        ("the folder is missing", |f| std::fs::remove_dir_all(f.join("index")).unwrap()),
        ("the folder is a file", |f| {
            std::fs::remove_dir_all(f.join("index")).unwrap();
            std::fs::write(f.join("index"), "x").unwrap();
        }),
        ("the file db is missing", |f| std::fs::remove_file(f.join("index/db")).unwrap()),
        ("the file db is empty", |f| damage_file(&f.join("index/db"), Vec::clear)),
        ("the file db is zeros", |f| damage_file(&f.join("index/db"), |bytes| bytes.fill(0))),
        ("the file db is cut", |f| damage_file(&f.join("index/db"), |bytes| bytes.truncate(bytes.len() / 2))),
        ("the file db has flipped bits", |f| {
            damage_file(&f.join("index/db"), |bytes| {
                bytes.iter_mut().step_by(301).for_each(|byte| *byte ^= 0x20)
            });
        }),
        ("the file conf is junk", |f| damage_file(&f.join("index/conf"), |bytes| bytes.fill(b'?'))),
        ("it was being written", |f| std::fs::remove_file(f.join("INDEX")).unwrap()),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let oracle = filled(folder.path()).await;
        damage(folder.path());
        for _ in 0..2 {
            let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
            for (key, expected) in oracle.iter().step_by(7) {
                assert_eq!(store.get(key).await.unwrap().as_ref(), Some(expected), "{what}");
            }
            check_all(&store, &key("w/").folder("1"), &oracle).await;
            put(&store, "after", what, Durability::PowerLoss).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_damaged_checkpoint_is_said() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    std::fs::remove_file(folder.path().join("INDEX")).unwrap();
    let checkpoints = std::fs::read_dir(folder.path().join("checkpoint")).unwrap();
    for entry in checkpoints {
        damage_file(&entry.unwrap().path(), |bytes| bytes[200] ^= 1);
    }
    let error = EmbeddedStore::open(folder.path(), tiny()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{error}");
}

/// A store whose value `long` has another bit.
async fn with_a_damaged_value() -> (tempfile::TempDir, EmbeddedStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    put(&store, "long", &"x".repeat(5_000), Durability::PowerLoss).await.unwrap();
    store.checkpoint().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    for entry in std::fs::read_dir(folder.path().join("log")).unwrap() {
        damage_file(&entry.unwrap().path(), |bytes| bytes[3_000] ^= 1);
    }
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    (folder, store)
}

#[tokio::test]
async fn a_damaged_value_is_said_when_it_is_read() {
    let (_folder, store) = with_a_damaged_value().await;
    let error = store.get(&key("long")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{error}");
}

#[tokio::test]
async fn a_damaged_value_does_not_keep_others_from_moving() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    // Three segments of values, most of them dead soon, each with one that stays.
    for index in 0..48 {
        let name = if index % 16 == 0 { format!("stays/{index:02}") } else { format!("dies/{index:02}") };
        put(&store, &name, &format!("{index:02}").repeat(500), Durability::PowerLoss).await.unwrap();
    }
    // All of it behind a checkpoint: the damage is not found by replaying the log.
    store.checkpoint().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let first = folder.path().join("log/0000000000000000.log");
    damage_file(&first, |bytes| bytes[200..600].fill(b'!'));

    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    let mut batch = Batch::new();
    for index in (0..48).filter(|index| index % 16 > 0) {
        batch = batch.delete(key(&format!("dies/{index:02}")));
    }
    store.commit(batch, Durability::PowerLoss).await.unwrap();
    for _ in 0..3 {
        store.checkpoint().await.unwrap();
    }
    // What is damaged is the first in the order of the keys, and stays; the others have moved.
    let error = store.get(&key("stays/00")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{error}");
    for index in [16, 32] {
        let found = store.get(&key(&format!("stays/{index}"))).await.unwrap().unwrap();
        assert_eq!(found.value, format!("{index}").repeat(500));
    }
    assert!(first.exists());
    let size = log_bytes(folder.path());
    assert!(size < 24 << 10, "{size} bytes of log");
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &std::path::Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            holds(&path, wanted)
        } else {
            std::fs::read(&path).unwrap().windows(wanted.len()).any(|part| part == wanted)
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_compaction_no_file_holds_what_was_removed() {
    let roomy = EmbeddedOptions { table_bytes: 32 << 20, ..tiny() };
    for (rounds, options) in [(20, roomy), (1_500, tiny())] {
        let spills = options == tiny();
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), options).unwrap();
        let mut oracle = BTreeMap::new();
        for index in 0..rounds {
            // Short ones are kept in the index and in checkpoints, long ones in the log.
            for (name, length) in [("hot/s", 20), ("hot/l", 900)] {
                let (name, value) = (format!("{name}{index:05}"), format!("{index:05}").repeat(length / 5));
                put(&store, &name, &value, Durability::Buffered).await.unwrap();
                oracle.insert(name, value);
            }
        }
        let planted = [
            ("hot/s00003", "planted.short"),
            ("hot/l00003", &*"planted.long".repeat(90)),
            ("hot/o", "overwritten"),
        ];
        for (name, value) in planted {
            put(&store, name, value, Durability::PowerLoss).await.unwrap();
        }
        store.checkpoint().await.unwrap();
        assert_eq!(folder.path().join("index/db").exists(), spills);
        for (_, value) in planted {
            assert!(holds(folder.path(), value.as_bytes()), "the scan finds what is there");
        }
        put(&store, "hot/o", "later", Durability::Buffered).await.unwrap();
        oracle.insert("hot/o".to_owned(), "later".to_owned());
        let batch = Batch::new().delete(key("hot/s00003")).delete(key("hot/l00003"));
        store.commit(batch, Durability::PowerLoss).await.unwrap();
        oracle.retain(|name, _| !name.ends_with("00003"));
        Store::compact(&store).await.unwrap();
        for (_, value) in planted {
            assert!(!holds(folder.path(), value.as_bytes()), "{value} is still there");
        }
        check_text(&store, &oracle).await;
        // What is written from now on is kept as before.
        put(&store, "hot/z", "after", Durability::PowerLoss).await.unwrap();
        oracle.insert("hot/z".to_owned(), "after".to_owned());
        store.close().await.unwrap();
        drop(store);
        let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
        assert!(store.report().lost.is_none());
        check_text(&store, &oracle).await;
        assert!(!holds(folder.path(), b"planted.short"));
    }
}

#[tokio::test]
async fn a_compaction_says_what_it_could_not_move() {
    let (_folder, store) = with_a_damaged_value().await;
    let error = Store::compact(&store).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{error}");
}
