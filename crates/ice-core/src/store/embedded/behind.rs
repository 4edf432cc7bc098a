//! What must be there of the log behind the place from which it is replayed: values that are alive stand there, and
//! nobody would miss them before they are read.

use std::sync::Arc;

use super::alive::{Alive, Living};
use super::block::Kept;
use super::checkpoint::{self, Checkpoint, CheckpointWriter};
use super::folder;
use super::rebuild::unwritable;
use crate::store::disk::Disk;
use crate::store::log::{End, Extents, LossPolicy, Segments, Survey, recover_disk, segment_name, survey};
use crate::store::{Loss, StoreError};

/// What a store is opened from.
#[derive(Debug)]
pub(super) struct Standing {
    /// The newest checkpoint.
    pub(super) checkpoint: Option<Checkpoint>,
    /// The end of the log up to which the index is whole, if everything that it relies on is there.
    pub(super) applied: Option<End>,
    /// What is lost behind the checkpoint, and accepted as lost.
    pub(super) loss: Option<Loss>,
}

/// Finds the checkpoint and the state of the index, and compares what they rely on with what is there. Where a loss is
/// accepted, the checkpoint is written again without it, and the index is to be made anew from that.
pub(super) fn find(disk: &Arc<dyn Disk>, policy: LossPolicy) -> Result<Standing, StoreError> {
    let checkpoint = checkpoint::newest(&**disk)?;
    let applied = folder::index_applied(&**disk).map_err(|source| StoreError::Unavailable {
        what: "reading INDEX".to_owned(),
        source: Some(Arc::new(source)),
    })?;
    let extents = Extents::find(&**disk)?;
    let begun = checkpoint.as_ref().map_or_else(End::default, |base| base.end);
    let loss = checkpoint.as_ref().and_then(|base| lost(&base.relies_on, &extents));
    // What lies between the checkpoint and the place of the index is not replayed either.
    let joined = applied.is_none_or(|applied| extents.join(begun.place, applied.place));
    let whole = loss.is_none() && joined;
    match policy {
        LossPolicy::Refuse if whole => Ok(Standing { checkpoint, applied, loss }),
        LossPolicy::Refuse => {
            // Reading on from the checkpoint tells how much is lost all in all. It fails before it changes anything.
            let segments = Segments::new(Arc::clone(disk));
            recover_disk(&**disk, &segments, begun, loss, policy, &mut |_, _| {})?;
            Ok(Standing { checkpoint, applied: None, loss: None })
        }
        LossPolicy::Accept => {
            let left = survey(&**disk, begun)?;
            if whole && !left.broken {
                return Ok(Standing { checkpoint, applied, loss });
            }
            let again = |checkpoint: Checkpoint| without_lost(disk, &checkpoint, &extents, &left);
            Ok(Standing { checkpoint: checkpoint.map(again).transpose()?, applied: None, loss })
        }
    }
}

/// What is lost of the segments that a checkpoint relies on.
fn lost(living: &[Living], extents: &Extents) -> Option<Loss> {
    let losses = living.iter().filter_map(|living| {
        let name = segment_name(living.start);
        let place = match extents.end(living.start) {
            None => format!("{name}, which is missing"),
            Some(end) if end < living.reach => {
                format!("{name}, which ends {} bytes too early", living.reach - end)
            }
            Some(_) => return None,
        };
        Some(Loss::new(place, living.oldest, living.newest, living.values))
    });
    losses.reduce(Loss::and)
}

/// Writes a checkpoint again without what is no longer there, if that is `left` of the log behind it.
fn without_lost(
    disk: &Arc<dyn Disk>,
    checkpoint: &Checkpoint,
    extents: &Extents,
    left: &Survey,
) -> Result<Checkpoint, StoreError> {
    // The index still has what the checkpoint will not have.
    folder::index_begun(&**disk).map_err(unwritable)?;
    let before = checkpoint.end.place;
    let mut alive = Alive::new(extents.starts(), before);
    let mut writer = CheckpointWriter::create(Arc::clone(disk), checkpoint.end).map_err(unwritable)?;
    checkpoint.read(&**disk, |entries| {
        for entry in entries {
            let there = match &entry.kept {
                Kept::Inline(_) => true,
                Kept::Place(place) if place.at < before => extents.hold(place.at, u64::from(place.length)),
                Kept::Place(place) => place.at.saturating_add(u64::from(place.length)) <= left.end.place,
            };
            // What was committed while the checkpoint was written may be in it, and must not outlive the log.
            if entry.version > left.end.seq {
                continue;
            }
            if there {
                alive.count_entry(&entry);
                writer.add(&entry).map_err(unwritable)?;
            } else if left.moved.contains(&(entry.key.clone(), entry.version)) {
                // The log has a copy, which takes the place of this one when it is replayed.
                writer.add(&entry).map_err(unwritable)?;
            }
        }
        Ok(())
    })?;
    writer.finish(&alive).map_err(unwritable)
}
