//! The suites on the embedded store, and what only it does.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use tempfile::TempDir;

use super::*;
use crate::error::ErrorCode;
use crate::store::conformance::{self, StoreSubject, spawn};
use crate::store::disk::{Disk, DiskFile, DiskLock, FolderDisk, OpenMode, SimDisk, SimFault};
use crate::store::{
    Batch, Change, ChangeKind, CommitError, CommitSeq, Durability, Key, LossPolicy, Store, StoreError,
    Version, Versioned, WatchEvent,
};

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

struct Subject {
    disk: Arc<dyn Disk>,
    folder: Option<TempDir>,
    options: EmbeddedOptions,
    store: Option<Arc<EmbeddedStore>>,
    /// Kills the process on the simulated disk rather than closing.
    sim: Option<SimDisk>,
    reopened: u32,
}

impl Subject {
    fn on_disk(options: EmbeddedOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(FolderDisk::new(folder.path()).unwrap());
        Self::new(disk, Some(folder), options, None)
    }

    fn on_sim(options: EmbeddedOptions) -> Self {
        let sim = SimDisk::new();
        Self::new(Arc::new(sim.clone()), None, options, Some(sim))
    }

    fn new(
        disk: Arc<dyn Disk>,
        folder: Option<TempDir>,
        options: EmbeddedOptions,
        sim: Option<SimDisk>,
    ) -> Self {
        let mut subject = Self { disk, folder, options, store: None, sim, reopened: 0 };
        subject.open();
        subject
    }

    fn open(&mut self) {
        let index = self.folder.as_ref().map(|folder| folder.path().to_path_buf());
        let opened = EmbeddedStore::open_on(Arc::clone(&self.disk), index.as_deref(), self.options);
        self.store = Some(Arc::new(opened.unwrap()));
    }
}

impl StoreSubject for Subject {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().unwrap()) as Arc<dyn Store>
    }

    fn reopen(&mut self) {
        self.reopened += 1;
        let store = self.store.take().unwrap();
        if self.reopened.is_multiple_of(2) {
            store.close().now_or_never().unwrap().unwrap();
        }
        drop(store);
        if let Some(sim) = &self.sim {
            sim.crash(u64::from(self.reopened));
        }
        self.open();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_disk_conforms() {
    conformance::store(|| Subject::on_disk(EmbeddedOptions::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_disk_conforms_with_everything_small() {
    conformance::store(|| Subject::on_disk(tiny())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_a_simulated_disk_conforms() {
    conformance::store(|| Subject::on_sim(tiny())).await;
}

#[test]
fn the_store_on_disk_agrees_with_the_model() {
    conformance::model(24, || Subject::on_disk(tiny()));
}

#[test]
fn the_store_on_a_simulated_disk_agrees_with_the_model() {
    conformance::model(64, || Subject::on_sim(tiny()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_and_inboxes_conform_on_disk() {
    conformance::lease(|| Subject::on_sim(tiny())).await;
    conformance::inbox(|| Subject::on_sim(tiny())).await;
}

/// Lets a sync of the log wait until it is told to go on.
#[derive(Debug)]
struct Gated {
    disk: SimDisk,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    /// Whether the gate is closed, and how many wait before it.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn close(&self) {
        self.state.lock().unwrap().0 = true;
    }

    fn open(&self) {
        self.state.lock().unwrap().0 = false;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        while state.0 {
            state = self.changed.wait(state).unwrap();
        }
        state.1 -= 1;
    }

    /// Waits until somebody waits before the gate.
    fn await_visitor(&self) {
        let mut state = self.state.lock().unwrap();
        while state.1 == 0 {
            state = self.changed.wait(state).unwrap();
        }
    }
}

#[derive(Debug)]
struct GatedFile(Arc<dyn DiskFile>, Arc<Gate>);

impl DiskFile for GatedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.0.write_at(offset, parts)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync()
    }
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.truncate(size)
    }
}

impl Disk for Gated {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(path, mode)?;
        Ok(if path.starts_with("log/") { Arc::new(GatedFile(file, Arc::clone(&self.gate))) } else { file })
    }
    fn create_folder(&self, path: &str) -> io::Result<()> {
        self.disk.create_folder(path)
    }
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &str) -> io::Result<()> {
        self.disk.sync_folder(path)
    }
    fn lock(&self, path: &str, owner: u32) -> Result<DiskLock, StoreError> {
        self.disk.lock(path, owner)
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_seen_before_it_is_acknowledged() {
    let gate = Arc::new(Gate::default());
    let disk = Gated { disk: SimDisk::new(), gate: Arc::clone(&gate) };
    let store = EmbeddedStore::open_on(Arc::new(disk), None, EmbeddedOptions::default()).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    put(&*store, "a", "old", Durability::PowerLoss).await.unwrap();
    let mut watch = store.watch(&key("a"), None);

    gate.close();
    let commit = |durability, batch: Batch| {
        let store = Arc::clone(&store);
        spawn(async move { store.commit(batch, durability).await })
    };
    let first = commit(Durability::PowerLoss, Batch::new().put(key("a"), "new").put(key("a/2"), "new"));
    tokio::task::block_in_place(|| gate.await_visitor());
    assert_eq!((value(&*store, "a").await, value(&*store, "a/2").await), (Some("old".into()), None));
    assert_eq!(store.scan(&key("a"), None, 9).await.unwrap().len(), 1);
    assert_eq!(watch.next().now_or_never(), None);
    assert_eq!(store.last_commit(), CommitSeq(1));

    // What promises nothing does not wait, and is seen at once; watchers see it in its turn.
    let seq = put(&*store, "a/3", "buffered", Durability::Buffered).await.unwrap();
    assert_eq!((seq, value(&*store, "a/3").await), (3, Some("buffered".into())));
    assert_eq!((watch.next().now_or_never(), store.last_commit()), (None, CommitSeq(1)));

    // Expectations are checked against what is pending, and a conflict with it waits for it.
    let same = Batch::new().expect_version(key("a"), Version(1)).put(key("a"), "late");
    let mut loser = commit(Durability::Buffered, same);
    assert!((&mut loser).now_or_never().is_none());
    gate.open();
    assert_eq!(first.await.unwrap().unwrap(), CommitSeq(2));
    let Err(CommitError::Conflict { found, .. }) = loser.await.unwrap() else { panic!("no conflict") };
    assert_eq!((found, value(&*store, "a").await), (Some(Version(2)), Some("new".into())));
    let changed = |seq, name| {
        Some(WatchEvent::Changed(Change { seq: CommitSeq(seq), key: key(name), kind: ChangeKind::Put }))
    };
    let seen = (watch.next().await, watch.next().await, watch.next().await);
    assert_eq!(seen, (changed(2, "a"), changed(2, "a/2"), changed(3, "a/3")));
    assert_eq!(store.last_commit(), CommitSeq(3));
}

#[tokio::test]
async fn a_failed_write_or_sync_poisons_until_opened_again() {
    for (fault, code) in [
        (SimFault::FailWrite(0), ErrorCode::StorePoisoned),
        (SimFault::FailSync(0), ErrorCode::StorePoisoned),
        (SimFault::Full(1_600), ErrorCode::StoreFull),
    ] {
        let disk = SimDisk::new();
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        put(&store, "a", "1", Durability::PowerLoss).await.unwrap();
        disk.inject(fault);
        let long = "x".repeat(1_000);
        let failed = put(&store, "a", &long, Durability::PowerLoss).await.unwrap_err();
        assert_eq!(failed.code(), code, "{failed}");
        disk.heal();
        for durability in [Durability::Buffered, Durability::PowerLoss] {
            let refused = put(&store, "b", "2", durability).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::StorePoisoned);
        }
        assert_eq!((value(&store, "a").await, value(&store, "b").await), (Some("1".into()), None));
        assert!(store.close().await.is_err());
        drop(store);
        disk.crash(5);
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        assert!([Some("1".into()), Some(long)].contains(&value(&store, "a").await));
        assert_eq!(value(&store, "b").await, None);
        put(&store, "b", "3", Durability::PowerLoss).await.unwrap();
        assert_eq!(value(&store, "b").await, Some("3".into()));
    }
}

#[tokio::test]
async fn a_folder_has_one_owner_and_a_format() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open(folder.path(), EmbeddedOptions::default());
    let store = open().unwrap();
    let Err(StoreError::Locked { owner, .. }) = open() else { panic!("opened twice") };
    assert_eq!(owner, Some(std::process::id()));
    drop(store);
    open().unwrap().close().await.unwrap();
    std::fs::write(folder.path().join("FORMAT"), "ice-store 2\n").unwrap();
    assert_eq!(open().unwrap_err().code(), ErrorCode::StoreFormat);
    std::fs::remove_file(folder.path().join("FORMAT")).unwrap();
    let store = open().unwrap();
    put(&store, "a", "1", Durability::PowerLoss).await.unwrap();
    drop(store);
    std::fs::remove_file(folder.path().join("FORMAT")).unwrap();
    assert_eq!(open().unwrap_err().code(), ErrorCode::StoreFormat);
}

#[tokio::test]
async fn closing_and_dropping_keep_what_was_buffered() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap();
    let store = open();
    put(&store, "dropped", "1", Durability::Buffered).await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(value(&store, "dropped").await, Some("1".into()));
    put(&store, "closed", "1", Durability::Buffered).await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let refused = put(&store, "late", "1", Durability::Buffered).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreUnavailable);
    assert_eq!(value(&store, "closed").await, Some("1".into()));
    drop(store);
    assert_eq!(value(&open(), "closed").await, Some("1".into()));
}

#[tokio::test]
async fn no_version_recurs_whatever_is_lost() {
    let disk = SimDisk::new();
    let mut highest = 0;
    for round in 0..20 {
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        for durability in [Durability::PowerLoss, Durability::ProcessCrash, Durability::Buffered] {
            let seq = put(&store, "a", "x", durability).await.unwrap();
            assert!(seq > highest, "{seq} after {highest} in round {round}");
            highest = seq;
        }
        // The handles of the store die with the machine: nothing is saved by dropping it.
        disk.crash(round);
        drop(store);
    }
}

#[tokio::test]
async fn a_loss_is_refused_or_reported_with_its_range() {
    let disk = SimDisk::new();
    let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
    for index in 1..=9 {
        put(&store, &format!("k{index}"), "x", Durability::PowerLoss).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let log = disk.files().into_iter().find(|path| path.starts_with("log/")).unwrap();
    disk.damage(&log, |bytes| bytes.truncate(bytes.len() - 150));
    let Err(StoreError::Lost { first, last, .. }) = on_sim(&disk, EmbeddedOptions::default()) else {
        panic!("a loss went unnoticed")
    };
    assert_eq!((first, last), (CommitSeq(8), CommitSeq(9)));
    let accepting = EmbeddedOptions { loss: LossPolicy::Accept, ..EmbeddedOptions::default() };
    let store = on_sim(&disk, accepting).unwrap();
    assert_eq!(store.report().lost, Some((first, last)));
    assert_eq!(store.scan(&key("k"), None, 99).await.unwrap().len(), 7);
    assert!(put(&store, "k8", "again", Durability::PowerLoss).await.unwrap() > 9);
    drop(store);
    let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
    assert_eq!((store.report().lost, value(&store, "k8").await), (None, Some("again".into())));
    assert!(disk.files().iter().any(|path| path.starts_with("damaged/")));
}

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
        store.compact().await.unwrap();
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
            store.compact().await.unwrap();
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

#[tokio::test]
async fn a_damaged_value_is_said_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    put(&store, "long", &"x".repeat(5_000), Durability::PowerLoss).await.unwrap();
    store.compact().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    for entry in std::fs::read_dir(folder.path().join("log")).unwrap() {
        damage_file(&entry.unwrap().path(), |bytes| bytes[3_000] ^= 1);
    }
    let store = EmbeddedStore::open(folder.path(), tiny()).unwrap();
    let error = store.get(&key("long")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{error}");
}
