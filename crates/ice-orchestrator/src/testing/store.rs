//! The store of a test: counts the records that are committed, and fails where it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ice_core::store::disk::{SimDisk, SimFault};
use ice_core::store::{
    Batch, CommitError, CommitSeq, Durability, Entry, Key, Offers, Store, StoreError, Versioned, Watch,
};
use serde::Deserialize;
use tokio::sync::Notify;

use super::clock::{Busy, busy_until};
use super::fault::{Crash, Side, StoreFault};
use super::ground::Opened;

/// A store that ends the process, or fails, where it is told to.
#[derive(Debug)]
pub(super) struct TestStore {
    inner: Arc<dyn Store>,
    heads: Key,
    crash: Option<Crash>,
    faults: Vec<StoreFault>,
    disk: Option<SimDisk>,
    /// How many operations of the disk a crash [during](Side::During) a commit lets pass.
    seed: u64,
    has_threads: bool,
    dead: AtomicBool,
    full: AtomicBool,
    struck: Notify,
}

/// What the head of a run says of its journal.
#[derive(Debug, Deserialize)]
struct Head {
    next: u64,
}

impl TestStore {
    pub(super) fn new(opened: &Opened, heads: Key) -> Self {
        Self {
            inner: Arc::clone(&opened.store),
            heads,
            crash: None,
            faults: Vec::new(),
            disk: None,
            seed: 0,
            has_threads: opened.has_threads(),
            dead: AtomicBool::new(false),
            full: AtomicBool::new(false),
            struck: Notify::new(),
        }
    }

    pub(super) fn crashing(mut self, crash: Option<Crash>, disk: Option<&SimDisk>, seed: u64) -> Self {
        (self.crash, self.disk, self.seed) = (crash, disk.cloned(), seed);
        self
    }

    pub(super) fn failing(mut self, faults: &[StoreFault]) -> Self {
        self.faults = faults.to_vec();
        self
    }

    /// Waits until the process is to end. Nothing is committed or read any more then.
    pub(super) async fn struck(&self) {
        self.struck.notified().await;
    }

    async fn strike<T>(&self) -> T {
        self.dead.store(true, Ordering::SeqCst);
        self.struck.notify_one();
        std::future::pending().await
    }

    async fn alive(&self) {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending().await
        }
    }

    /// The numbers of the records that a batch adds to a journal.
    async fn records(&self, batch: &Batch) -> Result<Option<std::ops::Range<u64>>, StoreError> {
        let of = |value: &[u8]| serde_json::from_slice::<Head>(value).ok().map(|head| head.next);
        let head = batch.writes().iter().find(|write| write.key.as_str().starts_with(self.heads.as_str()));
        let Some((key, Some(upto))) = head.map(|write| (&write.key, write.value.as_deref().and_then(of)))
        else {
            return Ok(None);
        };
        let known = self.inner.get(key).await?;
        Ok(Some(known.and_then(|known| of(&known.value)).unwrap_or_default()..upto))
    }

    async fn kept(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        let busy = self.has_threads.then(Busy::new);
        let committed = self.inner.commit(batch, durability).await;
        if let Ok(seq) = &committed
            && self.has_threads
            && self.inner.last_commit() < *seq
        {
            // Who watches hears of it later: no time passes until then.
            let (inner, seq) = (Arc::clone(&self.inner), *seq);
            busy_until(move || inner.last_commit() >= seq);
        }
        drop(busy);
        committed
    }
}

#[async_trait]
impl Store for TestStore {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.alive().await;
        self.inner.get(key).await
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.alive().await;
        self.inner.scan(prefix, after, limit).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        self.alive().await;
        if self.crash.is_none() && self.faults.is_empty() {
            return self.kept(batch, durability).await;
        }
        let records = self.records(&batch).await?;
        let has = |record: u64| records.as_ref().is_some_and(|records| records.contains(&record));
        for fault in &self.faults {
            match fault {
                StoreFault::Slow(span) => tokio::time::sleep(*span).await,
                StoreFault::Full(record) => {
                    if has(*record) || self.full.load(Ordering::SeqCst) {
                        self.full.store(true, Ordering::SeqCst);
                        return Err(StoreError::Full { what: "the disk of the test".to_owned() }.into());
                    }
                }
            }
        }
        self.alive().await;
        match self.crash.filter(|crash| has(crash.record)).map(|crash| crash.side) {
            None => self.kept(batch, durability).await,
            Some(Side::Before) => self.strike().await,
            Some(Side::During) => {
                if let Some(disk) = &self.disk {
                    disk.inject(SimFault::Stop(self.seed % 4));
                    // What comes of it is what the power leaves on the disk.
                    let _torn = self.kept(batch, durability).await;
                }
                self.strike().await
            }
            Some(Side::After) => {
                self.kept(batch, durability).await?;
                self.strike().await
            }
        }
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        self.inner.watch(prefix, after)
    }

    fn last_commit(&self) -> CommitSeq {
        self.inner.last_commit()
    }

    fn offers(&self) -> Offers {
        self.inner.offers()
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.inner.compact().await
    }
}
