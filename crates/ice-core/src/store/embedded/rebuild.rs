//! Making the index anew from the checkpoint and the log, whenever it fails.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::block::{IndexEntry, Kept};
use super::folder;
use super::index::{Index, IndexError};
use super::shared::{Bases, Shared, is_full};
use super::table::{Change, place};
use crate::store::lock::lock;
use crate::store::log::{End, RecoveredWrite, replay_range};
use crate::store::{Key, StoreError};

impl Shared {
    /// Does something with the index; if that fails, makes it anew and tries once more.
    pub(super) fn with_index<T>(
        &self,
        act: impl Fn(&Index) -> Result<T, IndexError>,
    ) -> Result<T, StoreError> {
        let Some(index) = &self.index else {
            return Err(StoreError::Unavailable { what: "this store has no index".to_owned(), source: None });
        };
        let error = match act(index) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let mut bases = lock(&self.bases);
        // Somebody else may have made it anew while this waited.
        if let Ok(found) = act(index) {
            return Ok(found);
        }
        tracing::warn!(%error, "the index is made anew");
        self.rebuild(&mut bases)?;
        act(index).map_err(unusable)
    }

    /// Throws the index away and makes it anew from the checkpoint and the log.
    pub(super) fn rebuild(&self, bases: &mut Bases) -> Result<(), StoreError> {
        self.metrics.corruption.increment(1);
        self.make_anew(bases)
    }

    /// The same of an index with which nothing is wrong.
    pub(super) fn make_anew(&self, bases: &mut Bases) -> Result<(), StoreError> {
        let Some(index) = &self.index else { return Ok(()) };
        let begun = bases.checkpoint.as_ref().map_or_else(End::default, |base| base.end);
        let applied = bases.applied.unwrap_or(begun);
        folder::index_begun(&*self.disk).map_err(unwritable)?;
        // What was put into the index after that place will not be in the new one.
        lock(&self.state).table.doubt();
        index.begin_anew().map_err(unusable)?;
        if let Some(checkpoint) = &bases.checkpoint {
            checkpoint.read(&*self.disk, |entries| {
                let changes: Vec<Change> = entries.into_iter().map(Change::Put).collect();
                index.merge(&changes).map_err(unusable)
            })?;
        }
        self.replay_into(index, begun.place, applied.place)?;
        index.sync(applied.place).map_err(unusable)?;
        folder::index_done(&*self.disk, applied).map_err(unwritable)?;
        bases.applied = Some(applied);
        Ok(())
    }

    fn replay_into(&self, index: &Index, from: u64, to: u64) -> Result<(), StoreError> {
        let mut changes = BTreeMap::<Key, Change>::new();
        let mut broken = None;
        let inline = self.options.inline_bytes;
        replay_range(&*self.disk, from, to, &mut |seq, write| {
            let kept = |at, value: &[u8]| {
                if value.len() <= inline {
                    Kept::Inline(bytes::Bytes::copy_from_slice(value))
                } else {
                    Kept::Place(place(at, value))
                }
            };
            match write {
                RecoveredWrite::Put { key, value: (at, value) } => {
                    let entry = IndexEntry { key: key.clone(), version: seq, kept: kept(at, value) };
                    changes.insert(key, Change::Put(entry));
                }
                RecoveredWrite::Delete { key } => {
                    changes.insert(key.clone(), Change::Delete(key));
                }
                RecoveredWrite::Moved { key, version, value: (at, value) } => {
                    let now = match changes.get(&key) {
                        Some(Change::Put(entry)) => Some(entry.version),
                        Some(Change::Delete(_)) => None,
                        None => match index.get_so_far(key.as_str()) {
                            Ok(found) => found.map(|(version, _)| version),
                            Err(error) => {
                                broken.get_or_insert(error);
                                None
                            }
                        },
                    };
                    if now == Some(version) {
                        let entry = IndexEntry { key: key.clone(), version, kept: kept(at, value) };
                        changes.insert(key, Change::Put(entry));
                    }
                }
            }
            if changes.len() >= 4_096 {
                let part: Vec<Change> = std::mem::take(&mut changes).into_values().collect();
                if let Err(error) = index.merge(&part) {
                    broken.get_or_insert(error);
                }
            }
        })?;
        let rest: Vec<Change> = changes.into_values().collect();
        let merged = index.merge(&rest);
        match broken.map_or(merged, Err) {
            Ok(()) => Ok(()),
            Err(error) => Err(unusable(error)),
        }
    }
}

/// What it means for the store that its index fails, and could not be made anew.
pub(super) fn unusable(error: IndexError) -> StoreError {
    match error {
        IndexError::Disk(source) => unwritable(source),
        IndexError::Wrong(_) => StoreError::Corrupt { what: format!("{error}; making it anew did not help") },
    }
}

/// What it means for the store that the disk fails while its index is made anew: the log is whole, so that
/// trying again later may help.
pub(super) fn unwritable(source: io::Error) -> StoreError {
    let what = "making the index anew";
    if is_full(&source) {
        return StoreError::Full { what: format!("{what}: {source}") };
    }
    StoreError::Unavailable { what: what.to_owned(), source: Some(Arc::new(source)) }
}
