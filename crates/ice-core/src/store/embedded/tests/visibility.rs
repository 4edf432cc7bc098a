//! What is seen while a commit waits for its sync.

use std::io;
use std::sync::{Arc, Condvar, Mutex};

use futures::{FutureExt, StreamExt};

use super::super::{EmbeddedOptions, EmbeddedStore};
use super::{key, put, value};
use crate::store::conformance::spawn;
use crate::store::disk::{Disk, DiskFile, DiskLock, FileId, OpenMode, SimDisk};
use crate::store::{
    Batch, Change, ChangeKind, CommitError, CommitSeq, Durability, Store, StoreError, Version, WatchEvent,
};

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
    fn id(&self) -> io::Result<FileId> {
        self.0.id()
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
    fn id(&self, path: &str) -> io::Result<FileId> {
        self.disk.id(path)
    }
    fn lock(&self, path: &str, owner: u32) -> Result<DiskLock, StoreError> {
        self.disk.lock(path, owner)
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_only_the_log_will_hold_is_not_looked_for_before_it_is_there() {
    let gate = Arc::new(Gate::default());
    let disk = Gated { disk: SimDisk::new(), gate: Arc::clone(&gate) };
    let store = EmbeddedStore::open_on(Arc::new(disk), None, EmbeddedOptions::default()).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let (old, new) = ("old".repeat(300), "new".repeat(300));
    put(&*store, "a", &old, Durability::PowerLoss).await.unwrap();
    gate.close();
    let owned = (Arc::clone(&store), new.clone());
    let first = spawn(async move { put(&*owned.0, "a", &owned.1, Durability::PowerLoss).await });
    tokio::task::block_in_place(|| gate.await_visitor());
    // The first is written and not synced, the second is not even written.
    let owned = (Arc::clone(&store), new.clone());
    let mut second = spawn(async move { put(&*owned.0, "b", &owned.1, Durability::PowerLoss).await });
    assert!((&mut second).now_or_never().is_none());
    assert_eq!((value(&*store, "a").await, value(&*store, "b").await), (Some(old), None));
    gate.open();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!((value(&*store, "a").await, value(&*store, "b").await), (Some(new.clone()), Some(new)));
}

#[tokio::test]
async fn a_value_is_read_right_after_its_commit() {
    let store = EmbeddedStore::open_on(Arc::new(SimDisk::new()), None, EmbeddedOptions::default()).unwrap();
    let text = |size: usize, letter: &str| letter.repeat(size);
    // Kept with the key, in the log alone, and in memory for the time being.
    let sizes = [64, 65, 8 << 10, (8 << 10) + 1, 100_000];
    for durability in [Durability::PowerLoss, Durability::ProcessCrash, Durability::Buffered] {
        for size in sizes {
            for letter in ["x", "y"] {
                put(&store, &format!("k/{size}"), &text(size, letter), durability).await.unwrap();
                assert!(value(&store, &format!("k/{size}")).await == Some(text(size, letter)), "{size}");
            }
        }
        // Many commits share one frame.
        let names: Vec<String> = (0..20).map(|index| format!("many/{index}")).collect();
        let store = &store;
        let many = names.iter().map(async |name| put(store, name, &text(900, &name[5..6]), durability).await);
        assert!(futures::future::join_all(many).await.iter().all(Result::is_ok));
        for name in &names {
            assert!(value(store, name).await == Some(text(900, &name[5..6])), "{name}");
        }
    }
    store.close().await.unwrap();
    let found = store.scan(&key("k/"), None, 99).await.unwrap();
    assert!(
        found.len() == sizes.len() && found.iter().all(|entry| entry.value.iter().all(|byte| *byte == b'y'))
    );
}
