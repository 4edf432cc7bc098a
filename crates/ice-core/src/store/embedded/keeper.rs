//! The keeper: moves what is old out of memory, writes checkpoints, and removes what is dead.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError};

use super::alive::Alive;
use super::block::{self, DamagedBlock, IndexEntry, Kept};
use super::checkpoint::{self, Checkpoint, CheckpointWriter};
use super::folder;
use super::index::{Index, IndexError};
use super::shared::{Bases, Shared, write_failure};
use super::table::{Content, place};
use crate::store::lock::lock;
use crate::store::log::{End, FOLDER};
use crate::store::{Key, StoreError};

/// How many keys are looked at under one lock.
const PART: usize = 256;
/// How many keys are looked at to find out how old the older half is.
const AGES: usize = 4_096;

/// Values alive in a segment are copied out of it once they are less than this part of it, in percent.
const SPARSE_PERCENT: u64 = 50;

/// How many bytes of values are copied after one checkpoint, at most.
pub(super) const MOVE_BYTES: u64 = 64 << 20;

/// A checkpoint is written on a clean end if the log has grown by this much since the last one, in bytes.
const CLOSING_BYTES: u64 = 2 << 20;

/// What upkeep is done for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The store has grown.
    Due,
    /// Somebody wants a checkpoint, whether or not it is due.
    Asked,
    /// Nothing that is dead is to be left in segments that begin before a place.
    Purge(u64),
    /// The store closes.
    Closing,
}

/// Why upkeep was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpkeepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Does upkeep when it is due, until the store closes.
pub(super) fn run(shared: &Shared) {
    loop {
        let mut upkeep = lock(&shared.upkeep);
        while !(upkeep.due || upkeep.closing || upkeep.dropped) {
            upkeep = shared.upkeep_due.wait(upkeep).unwrap_or_else(PoisonError::into_inner);
        }
        upkeep.due = false;
        let (closing, dropped) = (upkeep.closing, upkeep.dropped);
        drop(upkeep);
        let occasion = if closing { Occasion::Closing } else { Occasion::Due };
        if !dropped && let Err(error) = shared.maintain(occasion) {
            // The log has everything: what was not done now is tried again later.
            tracing::warn!(%error, "upkeep of the store failed");
        }
        if closing || dropped {
            lock(&shared.upkeep).ended = true;
            shared.upkeep_due.notify_all();
            return;
        }
    }
}

impl From<UpkeepError> for StoreError {
    fn from(error: UpkeepError) -> Self {
        match error {
            UpkeepError::Store(error) => error,
            UpkeepError::Index(error) => Self::Corrupt { what: error.to_string() },
            UpkeepError::Disk(error) => write_failure("upkeep", &error),
        }
    }
}

impl Shared {
    /// Writes a checkpoint, whether or not it is due.
    pub(super) fn checkpoint_now(&self) -> Result<(), StoreError> {
        Ok(self.maintain(Occasion::Asked)?)
    }

    pub(super) fn maintain(&self, occasion: Occasion) -> Result<(), UpkeepError> {
        let mut bases = lock(&self.bases);
        let done = self.maintain_with(&mut bases, occasion);
        let done = match done {
            Err(UpkeepError::Index(error)) => {
                tracing::warn!(%error, "the index is made anew");
                self.rebuild(&mut bases).map_err(Into::into)
            }
            other => other,
        };
        // Not to be due again at once, whatever came of it.
        let mut state = lock(&self.state);
        let bytes = state.table.bytes();
        state.spill_due = self.options.table_bytes.max(bytes + bytes / 2);
        let place = state.settled.place;
        let grown = self.options.checkpoint_bytes.max(bases.checkpoint.as_ref().map_or(0, |base| base.size));
        let base = bases.checkpoint.as_ref().map_or(0, |base| base.end.place);
        state.checkpoint_due = if done.is_ok() { base + grown } else { place + grown };
        done
    }

    fn maintain_with(&self, bases: &mut Bases, occasion: Occasion) -> Result<(), UpkeepError> {
        if lock(&self.state).table.bytes() >= self.options.table_bytes {
            match &self.index {
                Some(index) => drop(self.spill(index, bases, false)?),
                None => self.shed(),
            }
        }
        let (place, due) = {
            let state = lock(&self.state);
            (state.settled.place, state.checkpoint_due)
        };
        let base = bases.checkpoint.as_ref().map_or(0, |base| base.end.place);
        let worth = match occasion {
            Occasion::Due => false,
            Occasion::Asked | Occasion::Purge(_) => true,
            Occasion::Closing => {
                place.saturating_sub(base) >= CLOSING_BYTES.min(self.options.checkpoint_bytes)
            }
        };
        if place >= due || worth {
            let purged = match occasion {
                Occasion::Purge(until) => until,
                Occasion::Due | Occasion::Asked | Occasion::Closing => 0,
            };
            self.checkpoint(bases, purged)?;
        }
        Ok(())
    }

    /// Takes the bytes of large values out of memory that are safely in the log.
    fn shed(&self) {
        let mut after = None;
        loop {
            let (long, last) = {
                let mut state = lock(&self.state);
                let written = state.settled.place;
                state.table.shed(written, after.as_ref(), PART)
            };
            for (key, version, at, bytes) in long {
                let place = place(at, &bytes);
                lock(&self.state).table.shed_one(&key, version, place);
            }
            if last.is_none() {
                return;
            }
            after = last;
        }
    }

    /// Brings the index up to date with everything acknowledged, and drops from the table what is old.
    fn spill(&self, index: &Index, bases: &mut Bases, rotate: bool) -> Result<End, UpkeepError> {
        self.barrier(rotate)?;
        let applied = {
            let mut state = lock(&self.state);
            state.table.begin_spill();
            state.settled
        };
        // On the disk the index is not whole from here on. In `bases` it stays as whole as it was: what left
        // the table before lies before that place of the log, should the index have to be made anew.
        folder::index_begun(&*self.disk)?;
        let mut after = None;
        loop {
            let (changes, last) = lock(&self.state).table.spill(applied.place, after.as_ref(), PART);
            index.merge(&changes)?;
            if last.is_none() {
                break;
            }
            after = last;
        }
        // What the index holds must not be newer than what survives of the log.
        self.barrier(false)?;
        index.sync(applied.place)?;
        folder::index_done(&*self.disk, applied)?;
        bases.applied = Some(applied);
        lock(&self.state).table.end_spill();
        self.evict(applied.seq);
        Ok(applied)
    }

    /// Drops the older half of what the index holds as well; nothing newer than `newest`, so that the log up
    /// to there and the table together have everything.
    fn evict(&self, newest: u64) {
        let mut ages = Vec::with_capacity(2 * AGES);
        let mut after = None;
        loop {
            let (part, last) = lock(&self.state).table.ages(after.as_ref(), PART, AGES);
            // Whoever waits for the lock goes first.
            std::thread::yield_now();
            ages.extend(part);
            if last.is_none() {
                break;
            }
            after = last;
        }
        // As many of the newest stay as half of the table holds, taking all for equally large.
        let total = lock(&self.state).table.bytes();
        let stay = ages.len() * (self.options.table_bytes / 2) / total.max(1);
        if stay >= ages.len() {
            return;
        }
        let (_, oldest, _) = ages.select_nth_unstable_by_key(stay, |version| std::cmp::Reverse(*version));
        let keep = (*oldest).min(newest).saturating_add(1);
        let mut after = None;
        loop {
            let mut state = lock(&self.state);
            state.evictions += 1;
            let last = state.table.evict(keep, after.as_ref(), PART);
            drop(state);
            std::thread::yield_now();
            if last.is_none() {
                return;
            }
            after = last;
        }
    }

    /// Writes a checkpoint, and removes what it makes superfluous. What is alive in segments that begin before `purged` is copied
    /// out of them, however much it is.
    fn checkpoint(&self, bases: &mut Bases, purged: u64) -> Result<(), UpkeepError> {
        let complete = lock(&self.state).table.is_complete();
        let (made, alive) = match &self.index {
            Some(index) if !complete => {
                let from = self.spill(index, bases, true)?;
                self.checkpoint_of_index(index, from)?
            }
            Some(_) | None => {
                self.barrier(true)?;
                let from = lock(&self.state).settled;
                self.checkpoint_of_table(from)?
            }
        };
        let place = made.end.place;
        bases.checkpoint = Some(made);
        checkpoint::remove_others(&*self.disk, place)?;
        self.remove_dead((place, purged), &alive, bases)?;
        Ok(())
    }

    fn checkpoint_of_table(&self, from: End) -> Result<(Checkpoint, Alive), UpkeepError> {
        let mut writer = CheckpointWriter::create(Arc::clone(&self.disk), from)?;
        let mut alive = Alive::new(self.segments.starts(), from.place);
        let mut after = None;
        loop {
            let (part, last) = lock(&self.state).table.entries(after.as_ref(), PART);
            for entry in &part {
                alive.count_entry(entry);
                writer.add(entry)?;
            }
            if last.is_none() {
                break;
            }
            after = last;
        }
        // What the checkpoint holds must not be newer than what survives of the log.
        self.barrier(false)?;
        Ok((writer.finish(&alive)?, alive))
    }

    fn checkpoint_of_index(&self, index: &Index, from: End) -> Result<(Checkpoint, Alive), UpkeepError> {
        let mut writer = CheckpointWriter::create(Arc::clone(&self.disk), from)?;
        let mut alive = Alive::new(self.segments.starts(), from.place);
        let mut at = String::new();
        while let Some(bytes) = index.block(&at)? {
            let (upper, entries) = block::places(&bytes, |version, place| alive.count(version, place))
                .map_err(IndexError::from)?;
            if !upper.is_empty() && upper <= at.as_str() {
                return Err(IndexError::from(DamagedBlock).into());
            }
            writer.add_block(&bytes, entries)?;
            if upper.is_empty() {
                break;
            }
            upper.clone_into(&mut at);
        }
        // Not after the store was closed.
        self.barrier(false)?;
        Ok((writer.finish(&alive)?, alive))
    }

    /// Removes segments before the checkpoint in which nothing is alive, and copies the rest of those in
    /// which little is, so that the next checkpoint can remove them; of all of them that begin before `purged`.
    fn remove_dead(
        &self,
        (before, purged): (u64, u64),
        alive: &Alive,
        bases: &Bases,
    ) -> Result<(), UpkeepError> {
        let starts = self.segments.starts();
        let mut sparse = BTreeMap::new();
        let mut total = 0;
        // The segment that follows the checkpoint may have no name on the disk yet. Without it nothing would reach
        // the place of the checkpoint, should the power be lost after others were removed.
        self.disk.sync_folder(FOLDER)?;
        for pair in starts.windows(2) {
            let [start, next] = *pair else { continue };
            let size = self.segments.size(start)?;
            if next > before {
                total += size;
                continue;
            }
            match alive.in_segment(start) {
                0 => self.segments.remove(start)?,
                bytes => {
                    total += size;
                    if start < purged || bytes * 100 < size * SPARSE_PERCENT {
                        sparse.insert(start, bytes);
                    }
                }
            }
        }
        let checkpoint = bases.checkpoint.as_ref().map_or(0, |base| base.size);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        self.metrics.disk_bytes.set((total + checkpoint) as f64);
        if sparse.is_empty() { Ok(()) } else { self.move_alive(&sparse, bases) }
    }

    fn move_alive(&self, sparse: &BTreeMap<u64, u64>, bases: &Bases) -> Result<(), UpkeepError> {
        let Some(checkpoint) = &bases.checkpoint else { return Ok(()) };
        let mut room = MOVE_BYTES;
        checkpoint.read(&*self.disk, |entries| {
            for IndexEntry { key, version, kept } in entries {
                let Kept::Place(place) = kept else { continue };
                let moves = self.segments.holding(place.at).is_some_and(|start| sparse.contains_key(&start));
                if !moves || u64::from(place.length) > room {
                    continue;
                }
                match self.read_log(&key, &place) {
                    Ok(Some(value)) => {
                        room -= u64::from(place.length);
                        self.move_value(&key, version, value)?;
                    }
                    Ok(None) => {}
                    // One value that cannot be had must not hold up all the others. Its segment stays, so that
                    // whoever reads it is told.
                    Err(error) => tracing::warn!(%error, "a value that cannot be read stays where it is"),
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Writes a value into the log again, if it is still the key's newest.
    fn move_value(&self, key: &Key, version: u64, value: bytes::Bytes) -> Result<(), StoreError> {
        let full = {
            let mut state = lock(&self.state);
            state.check_failure()?;
            if state.closing || !state.table.may_move(key, version) {
                return Ok(());
            }
            let last = state.last;
            state.group.begin(last, 1);
            let at = state.group_place + state.group.put(key, &value, Some(version)) as u64;
            state.table.moved(key, version, Content::Large { at, bytes: value });
            state.nudge(&self.work, false);
            state.group.size() >= super::commit::WRITE_BYTES
        };
        // Whoever copies has time: others shall not wait behind a long group.
        if full { self.barrier(false) } else { Ok(()) }
    }
}
