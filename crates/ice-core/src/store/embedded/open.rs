//! Opening: checkpoint, index and log become a table again.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;

use super::EmbeddedOptions;
use super::ack::Ack;
use super::behind::{self, Standing};
use super::block::Kept;
use super::checkpoint::Checkpoint;
use super::folder;
use super::index::Index;
use super::rebuild::{unusable, unwritable};
use super::shared::{Bases, Committer, Metrics, Shared, State, Upkeep, Wants};
use super::table::{Cell, Content, Known, Table, place};
use crate::store::disk::Disk;
use crate::store::feed::{Feed, FeedLimits};
use crate::store::log::{
    End, Group, RecoveredWrite, Recovery, RecoveryReport, Segments, Writer, recover_disk,
};
use crate::store::{CommitSeq, StoreError};

/// What opening makes: the shared part, the log, and the report.
pub(super) type Opened = (Shared, Writer, RecoveryReport);

/// Opens the store of a locked folder.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    index: Option<PathBuf>,
    options: EmbeddedOptions,
) -> Result<Opened, StoreError> {
    let started = Instant::now();
    let metrics = Metrics::new();
    let opened = load(disk, index, options, metrics.clone());
    match &opened {
        Ok((_, _, report)) => {
            metrics.discarded.increment(report.discarded);
            metrics.corruption.increment(u64::from(report.lost.is_some()));
            metrics.poisoned.set(0.0);
            metrics.recovery_seconds.record(started.elapsed());
        }
        Err(StoreError::Corrupt { .. } | StoreError::Lost(_)) => metrics.corruption.increment(1),
        Err(
            StoreError::Unavailable { .. }
            | StoreError::Locked { .. }
            | StoreError::Full { .. }
            | StoreError::Poisoned { .. }
            | StoreError::Format { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Durability { .. }
            | StoreError::BlobMissing { .. }
            | StoreError::Key(_),
        ) => {}
    }
    opened
}

/// From where the log is replayed.
struct Base {
    from: End,
    table: Table,
    bases: Bases,
    rebuilt: bool,
}

fn load(
    disk: Arc<dyn Disk>,
    index: Option<PathBuf>,
    options: EmbeddedOptions,
    metrics: Metrics,
) -> Result<Opened, StoreError> {
    let fresh = folder::prepare(&*disk)?;
    let mut index = index.map(|path| Index::new(path, options.index_cache_bytes));
    let segments = Arc::new(Segments::new(Arc::clone(&disk)));
    let Standing { checkpoint, applied, loss } = behind::find(&disk, options.loss)?;
    let mut base = base(&*disk, index.as_mut(), checkpoint, applied, &options)?;
    let mut table = base.table;
    let mut replay =
        |seq, write: RecoveredWrite<(u64, &[u8])>| replay_write(&mut table, &options, seq, write);
    let Recovery { end, tail, mark, given_out, mut report } =
        recover_disk(&*disk, &segments, base.from, loss, options.loss, &mut replay)?;
    // The numbers of a new store are reserved, but none was given out.
    let given_out = if fresh { 0 } else { given_out };
    table.acknowledge(end.seq);
    report.index_rebuilt = base.rebuilt;
    let grown = options.checkpoint_bytes.max(base.bases.checkpoint.as_ref().map_or(0, |base| base.size));
    let checkpoint_due = base.bases.checkpoint.as_ref().map_or(0, |base| base.end.place) + grown;
    if base.bases.applied.is_none() && index.is_some() {
        base.bases.applied = Some(base.from);
    }
    let reserved = mark.state().reserved;
    let state = State {
        spill_due: options.table_bytes.max(table.bytes()),
        table,
        group: Group::default(),
        ack: Arc::new(Ack::default()),
        wants: Wants::default(),
        group_place: end.place,
        in_flight: None,
        // Of a clean end it is known that no number above the last one was given out.
        last: given_out,
        reserved,
        settled: end,
        unpublished: std::collections::VecDeque::new(),
        published: CommitSeq(end.seq),
        failure: None,
        closing: false,
        evictions: 0,
        committer: Committer::Busy,
        checkpoint_due,
    };
    let shared = Shared {
        bases: Mutex::new(base.bases),
        state: Mutex::new(state),
        work: Condvar::new(),
        upkeep: Mutex::new(Upkeep::default()),
        upkeep_due: Condvar::new(),
        failed: Notify::new(),
        feed: Feed::new(CommitSeq(given_out), FeedLimits::default()),
        disk: Arc::clone(&disk),
        segments: Arc::clone(&segments),
        index,
        options,
        metrics,
    };
    let writer = Writer::new(disk, segments, tail, end, mark, given_out, options.segment_bytes);
    Ok((shared, writer, report))
}

/// Finds out what is whole: the index, or else the checkpoint; with neither the log is all there is.
fn base(
    disk: &dyn Disk,
    mut index: Option<&mut Index>,
    checkpoint: Option<Checkpoint>,
    applied: Option<End>,
    options: &EmbeddedOptions,
) -> Result<Base, StoreError> {
    let begun = checkpoint.as_ref().map_or_else(End::default, |base| base.end);
    if let Some(index) = &mut index
        && let Some(applied) = applied.filter(|applied| index.exists() && applied.place >= begun.place)
    {
        index.expect(applied.place);
        let bases = Bases { checkpoint, applied: Some(applied) };
        return Ok(Base { from: applied, table: Table::new(applied.seq, false), bases, rebuilt: false });
    }
    let index = index.map(|index| &*index);
    let stale = index.is_some_and(Index::exists);
    let fits = |checkpoint: &Checkpoint| checkpoint.size < options.table_bytes as u64 / 2;
    let mut table = Table::new(begun.seq, true);
    let mut rebuilt = stale;
    match (&checkpoint, index) {
        (Some(checkpoint), Some(index)) if !fits(checkpoint) => {
            fill_index(disk, index, checkpoint)?;
            table = Table::new(begun.seq, false);
            rebuilt = true;
        }
        (checkpoint, index) => {
            if let Some(index) = index.filter(|_| stale) {
                index.discard().map_err(unusable)?;
            }
            if let Some(checkpoint) = checkpoint {
                checkpoint.read(disk, |entries| {
                    for entry in entries {
                        let content = Content::from(entry.kept);
                        table.push(entry.key, Cell { version: entry.version, at_once: true, content });
                    }
                    Ok(())
                })?;
            }
        }
    }
    Ok(Base { from: begun, table, bases: Bases { checkpoint, applied: None }, rebuilt })
}

fn fill_index(disk: &dyn Disk, index: &Index, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    folder::index_begun(disk).map_err(unwritable)?;
    index.begin_anew().map_err(unusable)?;
    checkpoint.read(disk, |entries| {
        let changes: Vec<_> = entries.into_iter().map(super::table::Change::Put).collect();
        index.merge(&changes).map_err(unusable)
    })?;
    index.sync(checkpoint.end.place).map_err(unusable)?;
    folder::index_done(disk, checkpoint.end).map_err(unwritable)
}

fn replay_write(table: &mut Table, options: &EmbeddedOptions, seq: u64, write: RecoveredWrite<(u64, &[u8])>) {
    let kept = |at, value: &[u8]| {
        if value.len() <= options.inline_bytes {
            Kept::Inline(Bytes::copy_from_slice(value))
        } else {
            Kept::Place(place(at, value))
        }
    };
    let cell = |version, content| Cell { version, at_once: true, content };
    match write {
        RecoveredWrite::Put { key, value: (at, value) } => {
            table.push(key, cell(seq, kept(at, value).into()));
        }
        RecoveredWrite::Delete { key } => table.push(key, cell(seq, Content::Gone)),
        RecoveredWrite::Moved { key, version, value: (at, value) } => {
            let here = match table.newest(key.as_str()) {
                Known::Cell(cell) => cell.version == version,
                // The index holds it with the old place: what follows the checkpoint comes on top.
                Known::Unknown => true,
                Known::Absent => false,
            };
            if here {
                table.moved(&key, version, kept(at, value).into());
            }
        }
    }
}
