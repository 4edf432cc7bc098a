//! Reading a run's journal back from the store.

use std::collections::HashSet;
use std::sync::Arc;

use ice_core::id::{RunId, Tenant};
use ice_core::store::{BlobStore, Key, Store, StoreError, Version};
use ice_core::value::BlobHash;

use super::codec::{DecodeError, Decoder, Reading};
use super::{RECORD_VERSION, Record, keys};

/// Chunks read from the store at a time.
const PAGE: usize = 32;

/// Why a journal cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A chunk is damaged.
    #[error("the journal of run {run} is damaged at record {number}: {source}")]
    Damaged {
        /// The run.
        run: RunId,
        /// The number of the first record of the damaged chunk.
        number: u64,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// Records are missing.
    #[error("the journal of run {run} lacks the records {from} to {to}")]
    Hole {
        /// The run.
        run: RunId,
        /// The first missing record.
        from: u64,
        /// The record after the last missing one.
        to: u64,
    },
    /// The journal was written by a newer version.
    #[error("the journal of run {run} has version {found}, this engine reads up to {RECORD_VERSION}")]
    Newer {
        /// The run.
        run: RunId,
        /// Its version.
        found: u32,
    },
}

/// A record with its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The number.
    pub number: u64,
    /// The record, its values whole.
    pub record: Record,
    /// The version of the chunk it stood in: the commit that wrote it.
    pub version: Version,
}

/// Reads a journal from its beginning, chunk after chunk.
#[derive(Debug)]
pub struct Reader {
    store: Arc<dyn Store>,
    blobs: Arc<dyn BlobStore>,
    run: RunId,
    folder: Key,
    after: Option<Key>,
    next: u64,
    decoder: Decoder,
    /// The blobs that were read.
    fetched: HashSet<BlobHash>,
    /// What was read and not handed out yet: a call may be cancelled.
    read: Vec<Numbered>,
}

impl Reader {
    /// A reader at the beginning of a run's journal.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn BlobStore>, tenant: &Tenant, run: RunId) -> Self {
        let folder = keys::journal(tenant, run);
        Self {
            store,
            blobs,
            run,
            folder,
            after: None,
            next: 0,
            decoder: Decoder::default(),
            fetched: HashSet::new(),
            read: Vec::new(),
        }
    }

    /// The run.
    pub(crate) const fn run(&self) -> RunId {
        self.run
    }

    /// The records that have been committed since the last call; empty at the end of the journal. Cancel-safe.
    ///
    /// # Errors
    /// [`ReadError`]; the reader is then of no more use.
    pub async fn read(&mut self) -> Result<Vec<Numbered>, ReadError> {
        let entries = self.store.scan(&self.folder, self.after.as_ref(), PAGE).await?;
        for entry in entries {
            let first = entry.key.number_after(&self.folder).unwrap_or(self.next);
            if first != self.next {
                return Err(ReadError::Hole { run: self.run, from: self.next, to: first });
            }
            let damaged = |source| ReadError::Damaged { run: self.run, number: first, source };
            let mut chunk = Reading::begin(&mut self.decoder, &entry.value).map_err(damaged)?;
            while let Some(hash) = chunk.needs(&mut self.decoder).map_err(damaged)? {
                let bytes = self.blobs.get(&hash, None).await?;
                self.fetched.insert(hash);
                chunk.supply(&mut self.decoder, &bytes).map_err(damaged)?;
            }
            for record in chunk.into_records() {
                self.read.push(Numbered { number: self.next, record, version: entry.version });
                self.next += 1;
            }
            self.after = Some(entry.key);
        }
        Ok(std::mem::take(&mut self.read))
    }

    /// The blobs that the journal needs to be read, so far.
    pub(crate) fn into_fetched(self) -> HashSet<BlobHash> {
        self.fetched
    }

    /// The decoder, which knows every object of the journal.
    pub(crate) const fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}
