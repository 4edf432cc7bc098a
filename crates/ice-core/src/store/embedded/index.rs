//! The index: sled, as a map from the lowest key of a block to the block.
//!
//! sled is a cache of what log and checkpoint say. It is opened when first needed, written in batches by
//! one thread, and never trusted: whatever goes wrong in it, a panic included, is an [`IndexError`], upon
//! which it is thrown away and made anew.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::block::{self, Block, BlockWriter, DamagedBlock, IndexEntry, Kept};
use super::table::Change;
use crate::store::lock::lock;

/// Under this key stands the place of the log up to which the index is whole. No text sorts behind it.
const APPLIED: &[u8] = b"\xff";

/// How long a database may be locked by threads that are about to end.
const LOCKED: Duration = Duration::from_secs(5);
/// How long to wait before it is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// The size at which a block is divided, in bytes.
const BLOCK_BYTES: usize = 4 << 10;

/// What went wrong in the index.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// In words.
    #[error("the index: {0}")]
    Wrong(String),
    #[error("the index: {0}")]
    Disk(#[from] io::Error),
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Disk(error),
            other @ (sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Corruption { .. }) => Self::Wrong(other.to_string()),
        }
    }
}

impl From<DamagedBlock> for IndexError {
    fn from(_: DamagedBlock) -> Self {
        Self::Wrong("a block is damaged".to_owned())
    }
}

/// The index in a folder.
pub(crate) struct Index {
    path: PathBuf,
    cache_bytes: u64,
    /// What must stand in it when it is opened, if it is not new: else it is another one, or not all of it.
    expected: Mutex<Option<u64>>,
    /// Whether it is being made anew, or that failed: it holds only a part and must not be asked.
    partial: AtomicBool,
    db: RwLock<Option<sled::Db>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Runs what may panic.
fn guarded<T>(act: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(IndexError::Wrong("it panicked".to_owned())))
}

impl Index {
    pub(crate) fn new(path: PathBuf, cache_bytes: u64) -> Self {
        Self {
            path,
            cache_bytes,
            expected: Mutex::new(None),
            partial: AtomicBool::new(false),
            db: RwLock::new(None),
        }
    }

    /// Says that the index is whole up to a place of the log, which is checked when it is opened.
    pub(crate) fn expect(&self, applied: u64) {
        *lock(&self.expected) = Some(applied);
    }

    /// Whether there is anything in its folder.
    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    fn with<T>(&self, act: impl FnOnce(&sled::Db) -> Result<T, IndexError>) -> Result<T, IndexError> {
        let open = self.db.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = open.as_ref() {
            return guarded(|| act(db));
        }
        drop(open);
        let mut open = self.db.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(guarded(|| self.open())?);
        }
        match open.as_ref() {
            Some(db) => guarded(|| act(db)),
            None => Err(IndexError::Wrong("it is closed".to_owned())),
        }
    }

    fn open(&self) -> Result<sled::Db, IndexError> {
        let config = sled::Config::new()
            .path(&self.path)
            .cache_capacity(self.cache_bytes)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput);
        let db = unlocked(&config)?;
        let found =
            db.get(APPLIED)?.and_then(|bytes| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?)));
        let expected = *lock(&self.expected);
        if expected.is_some() && found != expected {
            return Err(IndexError::Wrong("it is not the one that was written last".to_owned()));
        }
        Ok(db)
    }

    /// Asks it, unless it is partial. That is looked at with the database at hand: it is marked partial
    /// before its database is closed, so whoever sees the next database sees the mark as well.
    fn ask<T>(&self, act: impl FnOnce(&sled::Db) -> Result<T, IndexError>) -> Result<T, IndexError> {
        self.with(|db| {
            if self.partial.load(Ordering::Acquire) {
                return Err(IndexError::Wrong("it is being made anew".to_owned()));
            }
            act(db)
        })
    }

    /// Looks a key up.
    pub(crate) fn get(&self, key: &str) -> Result<Option<(u64, Kept)>, IndexError> {
        self.ask(|db| find(db, key))
    }

    /// Looks up a key in what is there so far, for whoever is making the index anew.
    pub(crate) fn get_so_far(&self, key: &str) -> Result<Option<(u64, Kept)>, IndexError> {
        self.with(|db| find(db, key))
    }

    /// At most `limit` entries from `from` on whose keys begin with `prefix`.
    pub(crate) fn scan(&self, prefix: &str, from: &str, limit: usize) -> Result<Vec<IndexEntry>, IndexError> {
        self.ask(|db| {
            let mut found = Vec::new();
            let mut from = from.to_owned();
            while let Some((_, bytes)) = covering(db, &from)? {
                let Block { upper, entries } = block::decode(&bytes)?;
                if !upper.is_empty() && upper <= from {
                    return Err(DamagedBlock.into());
                }
                for entry in entries.into_iter().skip_while(|entry| entry.key.as_str() < from.as_str()) {
                    if found.len() == limit || !entry.key.as_str().starts_with(prefix) {
                        return Ok(found);
                    }
                    found.push(entry);
                }
                if upper.is_empty() {
                    break;
                }
                from = upper;
            }
            Ok(found)
        })
    }

    /// The block that holds `key`, as it is stored. It is not checked.
    pub(crate) fn block(&self, key: &str) -> Result<Option<sled::IVec>, IndexError> {
        self.ask(|db| Ok(covering(db, key)?.map(|(_, bytes)| bytes)))
    }

    /// Applies changes, which are sorted by key, each key once. Not durable before [`Index::sync`].
    pub(crate) fn merge(&self, changes: &[Change]) -> Result<(), IndexError> {
        self.with(|db| {
            let mut rest = changes;
            while let Some(first) = rest.first() {
                let (lower, block) = match covering(db, first.key().as_str())? {
                    Some((lower, bytes)) => (lower, block::decode(&bytes)?),
                    None => (String::new(), Block { upper: String::new(), entries: Vec::new() }),
                };
                let here = rest.partition_point(|change| {
                    block.upper.is_empty() || change.key().as_str() < block.upper.as_str()
                });
                let (now, later) = rest.split_at(here);
                if now.is_empty() {
                    return Err(DamagedBlock.into());
                }
                let entries = apply(block.entries, now);
                replace(db, lower, &block.upper, entries)?;
                rest = later;
            }
            Ok(())
        })
    }

    /// Makes everything durable that was merged, which makes the index whole up to a place of the log.
    pub(crate) fn sync(&self, applied: u64) -> Result<(), IndexError> {
        self.with(|db| {
            db.insert(APPLIED, &applied.to_be_bytes())?;
            db.flush()?;
            Ok(())
        })?;
        self.expect(applied);
        // sled's flush does not reach the platter, so that its files are synced here.
        sync_files(&self.path)?;
        self.partial.store(false, Ordering::Release);
        Ok(())
    }

    /// Loses every third block.
    #[cfg(test)]
    pub(crate) fn damage(&self) {
        let lost = self.with(|db| {
            for key in db.range::<&[u8], _>(..APPLIED).keys().step_by(3) {
                db.remove(key?)?;
            }
            Ok(())
        });
        lost.unwrap();
    }

    /// Closes it; it opens again when needed.
    pub(crate) fn close(&self) {
        let closed = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        // Dropping flushes, which may panic.
        let dropped = guarded(|| {
            drop(closed);
            Ok(())
        });
        if let Err(error) = dropped {
            tracing::warn!(%error, "closing the index failed");
        }
    }

    /// Throws it away to make it anew: until it is [synced](Index::sync), nobody may ask it.
    pub(crate) fn begin_anew(&self) -> Result<(), IndexError> {
        self.partial.store(true, Ordering::Release);
        self.discard()
    }

    /// Closes it and moves its folder aside; one that was moved aside before is removed.
    pub(crate) fn discard(&self) -> Result<(), IndexError> {
        self.close();
        *lock(&self.expected) = None;
        if !self.path.exists() {
            return Ok(());
        }
        self.remove_discarded()?;
        fs::rename(&self.path, self.aside())?;
        Ok(())
    }

    /// Removes what was moved aside.
    pub(crate) fn remove_discarded(&self) -> Result<(), IndexError> {
        let aside = self.aside();
        if aside.is_dir() {
            fs::remove_dir_all(&aside)?;
        } else if aside.exists() {
            fs::remove_file(&aside)?;
        }
        Ok(())
    }

    /// Where its folder is moved to when it is thrown away.
    fn aside(&self) -> PathBuf {
        let mut aside = self.path.clone().into_os_string();
        aside.push(".discarded");
        PathBuf::from(aside)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.close();
    }
}

/// Opens the database. One that this process has closed a moment ago may be locked still, for its threads let go of
/// the file only when they end; no other process can have it, since it has no lock of the store.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever opens the index may block, and nothing tells when it is free"
)]
fn unlocked(config: &sled::Config) -> Result<sled::Db, sled::Error> {
    let mut pauses = LOCKED.as_millis() / PAUSE.as_millis();
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if is_locked(&error) && pauses > 0 => {
                pauses -= 1;
                std::thread::sleep(PAUSE);
            }
            opened => return opened,
        }
    }
}

/// sled wraps the error of the system in one of its own.
fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

fn sync_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_files(&entry.path())?;
        } else {
            match File::open(entry.path()) {
                Ok(file) => file.sync_data()?,
                // sled removes old snapshots by itself.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    File::open(folder)?.sync_all()
}

fn find(db: &sled::Db, key: &str) -> Result<Option<(u64, Kept)>, IndexError> {
    match covering(db, key)? {
        Some((_, bytes)) => Ok(block::find(&bytes, key)?),
        None => Ok(None),
    }
}

/// The block whose keys begin at or before `key`, with its lowest key.
fn covering(db: &sled::Db, key: &str) -> Result<Option<(String, sled::IVec)>, IndexError> {
    let Some((lower, bytes)) = db.range::<&[u8], _>(..=key.as_bytes()).next_back().transpose()? else {
        // The first block begins before all keys.
        let none = db.range::<&[u8], _>(..APPLIED).next().is_none();
        return if none { Ok(None) } else { Err(DamagedBlock.into()) };
    };
    let lower = std::str::from_utf8(&lower).map_err(|_| DamagedBlock)?.to_owned();
    Ok(Some((lower, bytes)))
}

fn apply(entries: Vec<IndexEntry>, changes: &[Change]) -> Vec<IndexEntry> {
    let mut merged = Vec::with_capacity(entries.len() + changes.len());
    let mut entries = entries.into_iter().peekable();
    for change in changes {
        while let Some(entry) = entries.next_if(|entry| entry.key < *change.key()) {
            merged.push(entry);
        }
        entries.next_if(|entry| entry.key == *change.key());
        if let Change::Put(entry) = change {
            merged.push(entry.clone());
        }
    }
    merged.extend(entries);
    merged
}

/// Puts entries in the place of the block from `lower` to `upper`, divided into blocks of a good size. Too
/// few of them join the block before.
fn replace(
    db: &sled::Db,
    mut lower: String,
    upper: &str,
    mut entries: Vec<IndexEntry>,
) -> Result<(), IndexError> {
    let mut batch = sled::Batch::default();
    if entries.len() < 4
        && !lower.is_empty()
        && let Some((left, bytes)) = db.get_lt(lower.as_bytes())?
    {
        let before = block::decode(&bytes)?;
        if before.upper != lower {
            return Err(DamagedBlock.into());
        }
        batch.remove(lower.as_bytes());
        lower = std::str::from_utf8(&left).map_err(|_| DamagedBlock)?.to_owned();
        let mut all = before.entries;
        all.append(&mut entries);
        entries = all;
    }
    let mut entries = entries.into_iter().peekable();
    loop {
        // The upper key is the first of the next block, so entries are gathered before the block is begun.
        let mut here = Vec::new();
        let mut size = 0;
        while let Some(entry) = entries.next_if(|_| size < BLOCK_BYTES) {
            size += entry.key.as_bytes().len() / 2
                + 25
                + match &entry.kept {
                    Kept::Inline(value) => value.len(),
                    Kept::Place(_) => 0,
                };
            here.push(entry);
        }
        let next = entries.peek().map(|entry| entry.key.as_str().to_owned());
        let mut writer = BlockWriter::new(next.as_deref().unwrap_or(upper));
        here.iter().for_each(|entry| writer.add(entry));
        batch.insert(lower.as_bytes(), writer.finish());
        match next {
            Some(next) => lower = next,
            None => break,
        }
    }
    db.apply_batch(batch)?;
    Ok(())
}

#[cfg(test)]
mod tests;
