//! The store itself: what users open, commit to and close.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::commit::Attempt;
use super::read;
use super::shared::Shared;
use super::{EmbeddedOptions, committer, keeper, open};
use crate::store::blocking::blocking;
use crate::store::disk::{Disk, DiskLock, FolderDisk};
use crate::store::limits::{MAX_BATCH_BYTES, MAX_VALUE_BYTES, check_offer};
use crate::store::lock::lock;
use crate::store::log::RecoveryReport;
use crate::store::{
    Batch, CommitError, CommitSeq, Durability, Entry, Key, KeyBuilder, Offers, Store, StoreError, Versioned,
    Watch,
};

/// How long closing waits for the keeper, which may be held up in the index; then it is left to end by
/// itself.
const KEEPER_PATIENCE: Duration = Duration::from_secs(30);

/// A key without a value, which each compaction deletes.
const COMPACTED: &str = "compacted";

/// A durable store in a folder, owned by one process at a time.
///
/// Close it with [`EmbeddedStore::close`]. Dropping it without that writes and syncs what was committed as
/// well, blocking the thread for as long as that takes, but reports no error.
///
/// ```
/// # use ice_core::store::{Batch, Durability, EmbeddedOptions, EmbeddedStore, Key, Store};
/// # let folder = tempfile::tempdir().unwrap();
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap();
/// let key = Key::new("greeting").unwrap();
/// store.commit(Batch::new().put(key.clone(), "hello"), Durability::PowerLoss).await.unwrap();
/// assert_eq!(store.get(&key).await.unwrap().unwrap().value, "hello");
/// store.close().await.unwrap();
/// # });
/// ```
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    report: RecoveryReport,
    running: Mutex<Option<Running>>,
}

/// What ends with the store.
#[derive(Debug)]
struct Running {
    committer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    _lock: DiskLock,
}

impl EmbeddedStore {
    /// Opens the store in a folder, which is created if it does not exist. Blocks the thread: a few
    /// milliseconds as a rule, longer if the index must be made anew.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it, [`StoreError::Format`] if it is not readable,
    /// [`StoreError::Lost`] or [`StoreError::Corrupt`] if it is damaged, [`StoreError::Unavailable`] or
    /// [`StoreError::Full`] if the disk does not allow it.
    pub fn open(folder: &Path, options: EmbeddedOptions) -> Result<Self, StoreError> {
        let disk = FolderDisk::new(folder)?;
        Self::open_on(Arc::new(disk), Some(folder), options)
    }

    /// Opens the store on a disk. Its index is made in `index_folder`, on the machine's file system; without
    /// one, all keys and small values are kept in memory.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        index_folder: Option<&Path>,
        options: EmbeddedOptions,
    ) -> Result<Self, StoreError> {
        let held = disk.lock("LOCK", std::process::id())?;
        let index = index_folder.map(|folder| folder.join("index"));
        let (shared, writer, report) = open::open(disk, index, options)?;
        let shared = Arc::new(shared);
        let failed = |source| StoreError::Unavailable {
            what: "starting a thread of the store".to_owned(),
            source: Some(Arc::new(source)),
        };
        let (for_committer, for_keeper) = (Arc::clone(&shared), Arc::clone(&shared));
        let committer = std::thread::Builder::new()
            .name("ice-store-commit".to_owned())
            .spawn(move || committer::run(&for_committer, writer))
            .map_err(failed)?;
        let keeper = std::thread::Builder::new()
            .name("ice-store-keep".to_owned())
            .spawn(move || keeper::run(&for_keeper));
        let keeper = match keeper {
            Ok(keeper) => keeper,
            Err(error) => {
                end_committer(&shared, committer);
                return Err(failed(error));
            }
        };
        let running = Mutex::new(Some(Running { committer, keeper, _lock: held }));
        Ok(Self { shared, report, running })
    }

    /// What opening has found.
    #[must_use]
    pub fn report(&self) -> &RecoveryReport {
        &self.report
    }

    /// Writes a checkpoint now and removes what it makes superfluous. The store does so by itself as it
    /// grows; this is for whoever wants the room back at once. Values are copied out of segments that are
    /// mostly dead, so that a second call may free more.
    ///
    /// # Errors
    /// [`StoreError`] if the disk does not allow it; nothing is lost then.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.checkpoint_now()).await
    }

    /// Loses a part of the index, if there is one.
    #[cfg(test)]
    pub(super) fn damage_index(&self) {
        if !lock(&self.shared.state).table.is_complete()
            && let Some(index) = &self.shared.index
        {
            index.damage();
        }
    }

    /// Waits until the store fails: from then on it refuses commits until it is opened again. Cancel-safe.
    pub async fn failed(&self) -> StoreError {
        loop {
            let mut failed = std::pin::pin!(self.shared.failed.notified());
            // From here on no notification is missed.
            failed.as_mut().enable();
            if let Some(failure) = &lock(&self.shared.state).failure {
                return failure.clone();
            }
            failed.await;
        }
    }

    /// Writes and syncs everything, and gives the folder up. Commits that come later are refused; reading
    /// what is in memory still works. Closing twice is fine.
    ///
    /// # Errors
    /// The failure that poisoned the store, if one did: what was acknowledged as `Buffered` may be lost.
    pub async fn close(&self) -> Result<(), StoreError> {
        let running = lock(&self.running).take();
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            if let Some(running) = running {
                end(&shared, running, false);
            }
            lock(&shared.state).failure.clone().map_or(Ok(()), Err)
        })
        .await
    }
}

/// Ends the threads of the store. A last checkpoint is written unless the store was just dropped.
fn end(shared: &Shared, running: Running, dropped: bool) {
    let Running { committer, keeper, _lock: held } = running;
    {
        let mut upkeep = lock(&shared.upkeep);
        (upkeep.closing, upkeep.dropped) = (!dropped, dropped);
        shared.upkeep_due.notify_all();
        let deadline = Instant::now() + KEEPER_PATIENCE;
        while !upkeep.ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            let waited = shared.upkeep_due.wait_timeout(upkeep, left);
            upkeep = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let ended = upkeep.ended;
        drop(upkeep);
        if ended {
            let _ = keeper.join();
        } else {
            // It is stuck in the index. Once the committer has ended, it cannot finish anything any more.
            tracing::warn!("the keeper of the store does not end; it is left behind");
        }
        end_committer(shared, committer);
        if let Some(index) = shared.index.as_ref().filter(|_| ended) {
            index.close();
        }
    }
    shared.feed.close();
    drop(held);
}

fn end_committer(shared: &Shared, committer: JoinHandle<()>) {
    let mut state = lock(&shared.state);
    state.closing = true;
    state.nudge(&shared.work, true);
    drop(state);
    let _ = committer.join();
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Some(running) = lock(&self.running).take() {
            end(&self.shared, running, true);
        }
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        read::get(&self.shared, key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        read::scan(&self.shared, prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        let started = Instant::now();
        let bytes = check_offer(&batch, durability, &self.offers())?;
        let (mut writes, expectations) = batch.into_parts();
        let seq = loop {
            match self.shared.attempt(&mut writes, bytes, &expectations, durability)? {
                Attempt::Done(seq) => break seq,
                Attempt::Waiting(seq, ack) => {
                    ack.wait().await?;
                    break seq;
                }
                Attempt::Again(ack) => ack.wait().await?,
                Attempt::Unknown(keys, evictions) => {
                    let shared = Arc::clone(&self.shared);
                    blocking(move || shared.fill(&keys, evictions)).await?;
                }
                Attempt::Conflict(conflict, pending) => {
                    // So that whoever lost can read what won.
                    if let Some(pending) = pending {
                        pending.wait().await?;
                    }
                    return Err(conflict);
                }
            }
        };
        self.shared.metrics.committed(durability, started.elapsed());
        Ok(seq)
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        let state = lock(&self.shared.state);
        self.shared.feed.watch(prefix, after, state.published)
    }

    fn last_commit(&self) -> CommitSeq {
        lock(&self.shared.state).published
    }

    fn offers(&self) -> Offers {
        Offers {
            durability: Durability::PowerLoss,
            max_value_bytes: MAX_VALUE_BYTES,
            max_batch_bytes: MAX_BATCH_BYTES,
            persistent: true,
        }
    }

    /// Every segment of the log that was begun before the call is written anew, and so is the index. Takes the number of a commit,
    /// since the segment that grows ends only when another one begins.
    async fn compact(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.barrier(true)).await?;
        let begin = Batch::new().delete(KeyBuilder::root().leaf(COMPACTED));
        match self.commit(begin, Durability::PowerLoss).await {
            Ok(_) => {}
            Err(CommitError::Store(error)) => return Err(error),
            Err(error @ CommitError::Conflict { .. }) => {
                return Err(StoreError::Corrupt { what: error.to_string() });
            }
        }
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.purge()).await
    }
}
