//! Blobs in files, one per blob, named by its hash.
//!
//! A file holds the bytes, then the chaining values of its parts (32 bytes each, see `tree`), the number of
//! the bytes (8), and `ICEBLOB1`. It is written under another name and renamed when it is whole.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use blake3::hazmat::ChainingValue;
use bytes::Bytes;

use super::tree;
use super::{BlobGuard, BlobStore, Collected, Epochs, MAX_BLOB_BYTES, Reachable};
use crate::store::blocking::blocking;
use crate::store::disk::{Disk, DiskFile, OpenMode};
use crate::store::lock::lock;
use crate::store::{Durability, StoreError};
use crate::value::BlobHash;

const FOLDER: &str = "blobs";
const TEMPORARY: &str = "blobs/new";
const MAGIC: [u8; 8] = *b"ICEBLOB1";
const TAIL: u64 = 16;

/// Blobs on a disk. Belongs to whoever owns the folder, as the store beside it does.
#[derive(Clone, Debug)]
pub struct DiskBlobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    epochs: Epochs,
    collecting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The epoch in which a blob was put last, for those put since the store was opened or collected.
    stamps: HashMap<BlobHash, u64>,
    /// Folders whose names are durable.
    folders: HashSet<String>,
    next: u64,
}

fn unavailable(what: &str, source: io::Error) -> StoreError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        StoreError::Full { what: format!("{what}: {source}") }
    } else {
        StoreError::Unavailable { what: what.to_owned(), source: Some(Arc::new(source)) }
    }
}

fn folder(hash: &BlobHash) -> String {
    let first = hash.as_bytes().first().copied().unwrap_or_default();
    format!("{FOLDER}/{first:02x}")
}

fn path(hash: &BlobHash) -> String {
    format!("{}/{hash}", folder(hash))
}

impl DiskBlobs {
    /// Opens the blobs of a folder. What an earlier process did not finish is removed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the disk does not allow it.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let prepare = || {
            disk.create_folder(TEMPORARY)?;
            for name in disk.list(TEMPORARY)? {
                disk.remove(&format!("{TEMPORARY}/{name}"))?;
            }
            Ok(())
        };
        prepare().map_err(|error| unavailable("opening the blobs", error))?;
        Ok(Self(Arc::new(Inner {
            disk,
            state: Mutex::default(),
            epochs: Epochs::default(),
            collecting: tokio::sync::Mutex::default(),
        })))
    }
}

/// A blob's file, and what its tail says.
struct Opened {
    file: Arc<dyn DiskFile>,
    size: u64,
}

fn damaged(hash: &BlobHash) -> StoreError {
    StoreError::Corrupt { what: format!("the blob {hash}") }
}

impl Inner {
    fn open(&self, hash: &BlobHash) -> Result<Option<Opened>, StoreError> {
        let failed = |error| unavailable("reading a blob", error);
        let file = match self.disk.open(&path(hash), OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let whole = file.size().map_err(failed)?;
        let mut tail = [0; 16];
        let at = whole.checked_sub(TAIL).ok_or_else(|| damaged(hash))?;
        file.read_at(at, &mut tail).map_err(failed)?;
        let size = tail.strip_suffix(&MAGIC).and_then(|size| size.try_into().ok()).map(u64::from_le_bytes);
        let size =
            size.filter(|size| *size <= MAX_BLOB_BYTES && *size + tree::parts(*size) * 32 + TAIL == whole);
        Ok(Some(Opened { file, size: size.ok_or_else(|| damaged(hash))? }))
    }

    fn get(&self, hash: &BlobHash, range: Option<Range<u64>>) -> Result<Bytes, StoreError> {
        let opened = self.open(hash)?.ok_or_else(|| StoreError::BlobMissing { hash: hash.to_string() })?;
        let size = opened.size;
        let wanted = range.map_or(0..size, |range| range.start.min(size)..range.end.min(size));
        let parts = tree::parts(size);
        let whole = wanted.start == 0 && wanted.end == size;
        if whole || parts == 0 {
            let bytes = opened.read(hash, 0..size)?;
            if BlobHash::of(&bytes) != *hash {
                return Err(damaged(hash));
            }
            return Ok(cut(&bytes, 0, &wanted));
        }
        let list = opened.read(hash, size..size + parts * 32)?;
        let values: Vec<ChainingValue> = list.as_chunks::<32>().0.to_vec();
        if tree::root(&values) != Some(*hash) {
            return Err(damaged(hash));
        }
        if wanted.is_empty() {
            return Ok(Bytes::new());
        }
        let first = wanted.start / tree::PART;
        let begin = first * tree::PART;
        let bytes = opened.read(hash, begin..(wanted.end.div_ceil(tree::PART) * tree::PART).min(size))?;
        let part = usize::try_from(tree::PART).unwrap_or(usize::MAX);
        for (index, chunk) in (first..).zip(bytes.chunks(part)) {
            let expected = usize::try_from(index).ok().and_then(|index| values.get(index));
            if expected != Some(&tree::part_value(index * tree::PART, chunk)) {
                return Err(damaged(hash));
            }
        }
        Ok(cut(&bytes, begin, &wanted))
    }

    fn put(&self, hash: &BlobHash, bytes: &Bytes, durability: Durability) -> Result<(), StoreError> {
        let failed = |error| unavailable("writing a blob", error);
        // Stamped before it is looked for: from here on no collection removes it.
        let temporary = {
            let mut state = lock(&self.state);
            let epoch = self.epochs.now();
            state.stamps.insert(*hash, epoch);
            state.next += 1;
            format!("{TEMPORARY}/{}", state.next)
        };
        match self.get(hash, None) {
            Ok(_) if durability < Durability::PowerLoss => return Ok(()),
            // Who put it may have asked for less.
            Ok(_) => {
                self.disk.open(&path(hash), OpenMode::Write).and_then(|file| file.sync()).map_err(failed)?;
                return self.sync_folders(hash).map_err(failed);
            }
            Err(StoreError::BlobMissing { .. } | StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        let write = || {
            let file = self.disk.open(&temporary, OpenMode::Create)?;
            let list = tree::values(bytes).concat();
            let size = (bytes.len() as u64).to_le_bytes();
            file.write_at(0, &[bytes, &list, &size, &MAGIC])?;
            if durability == Durability::PowerLoss {
                file.sync()?;
            }
            self.disk.create_folder(&folder(hash))?;
            self.disk.rename(&temporary, &path(hash))?;
            if durability == Durability::PowerLoss {
                self.sync_folders(hash)?;
            }
            Ok(())
        };
        write().map_err(|error| {
            // What is left of it is removed when the blobs are opened, if not now.
            let _ = self.disk.remove(&temporary);
            failed(error)
        })
    }

    fn sync_folders(&self, hash: &BlobHash) -> io::Result<()> {
        self.disk.sync_folder(&folder(hash))?;
        if !lock(&self.state).folders.contains(&folder(hash)) {
            self.disk.sync_folder(FOLDER)?;
            self.disk.sync_folder("")?;
            lock(&self.state).folders.insert(folder(hash));
        }
        Ok(())
    }

    fn sweep(&self, reachable: &HashSet<BlobHash>, horizon: u64) -> Result<Collected, StoreError> {
        let failed = |error| unavailable("collecting blobs", error);
        let mut collected = Collected::default();
        for name in self.disk.list(FOLDER).map_err(failed)? {
            for name in self.disk.list(&format!("{FOLDER}/{name}")).map_err(failed)? {
                // What is no blob is none of ours.
                let Ok(hash) = name.parse::<BlobHash>() else { continue };
                if reachable.contains(&hash) {
                    continue;
                }
                let size = self.open(&hash).ok().flatten().map_or(0, |opened| opened.size);
                // Under the lock, so that whoever puts it again either is spared or finds it gone.
                let state = lock(&self.state);
                if state.stamps.get(&hash).is_some_and(|epoch| *epoch >= horizon) {
                    collected.spared += 1;
                } else {
                    self.disk.remove(&path(&hash)).map_err(failed)?;
                    collected.removed += 1;
                    collected.bytes += size;
                }
            }
        }
        lock(&self.state).stamps.retain(|_, epoch| *epoch >= horizon);
        Ok(collected)
    }
}

impl Opened {
    fn read(&self, hash: &BlobHash, range: Range<u64>) -> Result<Bytes, StoreError> {
        let count = usize::try_from(range.end - range.start).map_err(|_| damaged(hash))?;
        let mut bytes = vec![0; count];
        let read =
            self.file.read_at(range.start, &mut bytes).map_err(|e| unavailable("reading a blob", e))?;
        if read == count { Ok(bytes.into()) } else { Err(damaged(hash)) }
    }
}

/// The wanted range out of bytes that begin at `begin`.
fn cut(bytes: &Bytes, begin: u64, wanted: &Range<u64>) -> Bytes {
    let at =
        |offset: u64| usize::try_from(offset.saturating_sub(begin)).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (at(wanted.start), at(wanted.end));
    bytes.slice(start..end.max(start))
}

#[async_trait]
impl BlobStore for DiskBlobs {
    fn enter(&self) -> BlobGuard {
        self.0.epochs.enter()
    }

    async fn put(
        &self,
        _guard: &BlobGuard,
        bytes: Bytes,
        durability: Durability,
    ) -> Result<BlobHash, StoreError> {
        if bytes.len() as u64 > MAX_BLOB_BYTES {
            let limit = usize::try_from(MAX_BLOB_BYTES).unwrap_or(usize::MAX);
            return Err(StoreError::TooLarge { what: "a blob", size: bytes.len(), limit });
        }
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let hash = BlobHash::of(&bytes);
            inner.put(&hash, &bytes, durability)?;
            Ok(hash)
        })
        .await
    }

    async fn get(&self, hash: &BlobHash, range: Option<Range<u64>>) -> Result<Bytes, StoreError> {
        let (inner, hash) = (Arc::clone(&self.0), *hash);
        blocking(move || inner.get(&hash, range)).await
    }

    async fn size(&self, hash: &BlobHash) -> Result<Option<u64>, StoreError> {
        let (inner, hash) = (Arc::clone(&self.0), *hash);
        blocking(move || Ok(inner.open(&hash)?.map(|opened| opened.size))).await
    }

    async fn collect(&self, reachable: Reachable<'_>) -> Result<Collected, StoreError> {
        let _one_at_a_time = self.0.collecting.lock().await;
        let horizon = self.0.epochs.advance();
        let reachable = reachable.await?;
        let inner = Arc::clone(&self.0);
        blocking(move || inner.sweep(&reachable, horizon)).await
    }

    fn durability(&self) -> Durability {
        Durability::PowerLoss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{self, BlobSubject};
    use crate::store::disk::{FolderDisk, SimDisk, SimFault};

    struct Subject {
        disk: Arc<dyn Disk>,
        _folder: Option<tempfile::TempDir>,
        sim: Option<SimDisk>,
        blobs: DiskBlobs,
    }

    impl BlobSubject for Subject {
        fn blobs(&self) -> Arc<dyn BlobStore> {
            Arc::new(self.blobs.clone())
        }

        fn damage(&self, hash: &BlobHash) -> bool {
            let file = self.disk.open(&path(hash), OpenMode::Write).unwrap();
            file.write_at(5, &[b"damage"]).unwrap();
            true
        }

        fn reopen(&mut self) {
            if let Some(sim) = &self.sim {
                sim.crash(3);
            }
            self.blobs = DiskBlobs::open(Arc::clone(&self.disk)).unwrap();
        }
    }

    fn on_disk() -> Subject {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(FolderDisk::new(folder.path()).unwrap());
        Subject { blobs: DiskBlobs::open(Arc::clone(&disk)).unwrap(), disk, _folder: Some(folder), sim: None }
    }

    fn on_sim() -> Subject {
        let sim = SimDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        Subject { blobs: DiskBlobs::open(Arc::clone(&disk)).unwrap(), disk, _folder: None, sim: Some(sim) }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_blobs_on_disk_conform() {
        conformance::blobs(on_disk).await;
        conformance::blobs(on_sim).await;
    }

    #[tokio::test]
    async fn a_blob_is_whole_or_absent_after_any_crash() {
        let bytes = Bytes::from(vec![9; 150_000]);
        let hash = BlobHash::of(&bytes);
        let (mut whole, mut absent) = (0, 0);
        for seed in 0..60 {
            let subject = on_sim();
            let sim = subject.sim.clone().unwrap();
            sim.inject(SimFault::Stop(seed % 7));
            let guard = subject.blobs.enter();
            let put = subject.blobs.put(&guard, bytes.clone(), Durability::PowerLoss).await;
            sim.crash(seed);
            let blobs = DiskBlobs::open(Arc::clone(&subject.disk)).unwrap();
            match blobs.get(&hash, None).await {
                Ok(found) => {
                    assert_eq!(found, bytes);
                    whole += 1;
                }
                Err(StoreError::BlobMissing { .. }) => {
                    assert!(put.is_err(), "a blob that was put is there");
                    absent += 1;
                }
                Err(error) => panic!("{error}"),
            }
            assert_eq!(sim.files().iter().filter(|path| path.starts_with(TEMPORARY)).count(), 0);
        }
        assert!(whole > 5 && absent > 5, "{whole} {absent}");
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_leaves_nothing() {
        let subject = on_sim();
        let sim = subject.sim.clone().unwrap();
        sim.inject(SimFault::Full(1_000));
        let guard = subject.blobs.enter();
        let refused = subject.blobs.put(&guard, vec![1; 5_000].into(), Durability::PowerLoss).await;
        assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
        assert_eq!(sim.files(), [""; 0]);
        sim.heal();
        subject.blobs.put(&guard, vec![1; 5_000].into(), Durability::PowerLoss).await.unwrap();
    }
}
