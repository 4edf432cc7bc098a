//! The port: what every store does.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Batch, CommitError, Key, StoreError};

/// The number of a commit. Ascends, and never recurs in the life of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommitSeq(pub u64);

/// The version of a key's value: the number of the commit that wrote it. Never recurs, not even when a key
/// is deleted and written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

/// What an acknowledged commit survives.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing is promised: the commit is visible and rides along with the next one that promises more.
    Buffered,
    /// The end of the process, however sudden.
    ProcessCrash,
    /// The loss of power.
    #[default]
    PowerLoss,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buffered => "buffered",
            Self::ProcessCrash => "process_crash",
            Self::PowerLoss => "power_loss",
        })
    }
}

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Bytes,
    /// Its version.
    pub version: Version,
}

/// A key with its value and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Bytes,
    /// Its version.
    pub version: Version,
}

/// What a store promises and permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// The best durability.
    pub durability: Durability,
    /// The largest value, in bytes.
    pub max_value_bytes: usize,
    /// The largest batch, in bytes, keys and values together.
    pub max_batch_bytes: usize,
    /// Whether the contents outlive the process.
    pub persistent: bool,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was written.
    Put,
    /// It was removed.
    Delete,
}

/// One change that a commit made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The commit.
    pub seq: CommitSeq,
    /// The key.
    pub key: Key,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What a watcher sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// A key changed. Values are read with [`Store::get`].
    Changed(Change),
    /// Changes after `from` up to `to` are no longer kept: read the prefix again, then go on.
    Gap {
        /// The last commit that was seen, or asked for.
        from: CommitSeq,
        /// The watcher goes on after this commit.
        to: CommitSeq,
    },
}

/// A stream of changes. Dropping it ends the watch.
pub type Watch = Pin<Box<dyn Stream<Item = WatchEvent> + Send>>;

/// One port for everything that lasts: versioned keys, changed by conditional batches.
///
/// Compare-and-set, idempotency, leases and version locks are all [`Store::commit`] with expectations.
/// `get`, `scan` and `watch` show acknowledged commits only; `get` and `scan` show them at once, `watch` in the
/// order of their numbers. Commits survive in that order too: where one survives, all before it do.
///
/// All methods are cancel-safe, except that a dropped `commit` may or may not have been applied.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError`] if the store failed; an absent key is no error.
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError>;

    /// At most `limit` entries whose keys begin with `prefix`, in key order, after `after` if given. They are
    /// one snapshot: of no commit only a part is seen.
    ///
    /// # Errors
    /// [`StoreError`] if the store failed.
    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Applies a batch whole or not at all. Returns once `durability` holds; nobody sees the batch before. A
    /// batch that writes nothing checks its expectations, takes no number and returns once `durability` holds
    /// for every commit before it.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if an expectation did not hold, [`CommitError::Store`] if the store failed.
    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError>;

    /// Changes under `prefix` after the commit `after`; without it, from now on. Ends with the store. A number
    /// that was seen serves as `after` of a later watch once a change with a higher number was seen.
    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch;

    /// The newest commit such that it and all before it are acknowledged.
    fn last_commit(&self) -> CommitSeq;

    /// What this store promises and permits.
    fn offers(&self) -> Offers;

    /// Writes what lasts anew, such that values that were deleted or overwritten before the call are in no file of the store any
    /// more. What is alive stays, with its versions. It may take as long as reading and writing all of it; whoever only wants room
    /// back need not call it. It may take numbers of commits. Copies elsewhere, and what the disk itself keeps of files that were removed, are beyond it.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be done, or not now: nothing is lost then, and what was removed may still be there. Call it again.
    async fn compact(&self) -> Result<(), StoreError>;
}
