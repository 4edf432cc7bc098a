//! What can be read of a log, told without changing anything.

use std::collections::BTreeSet;

use super::mark::{FoundMark, Mark, MarkState};
use super::record::RecoveredWrite;
use super::recovery::Reader;
use super::replay::{list, needed, unavailable};
use super::writer::End;
use crate::store::disk::Disk;
use crate::store::{Key, StoreError};

/// What can be read of the log.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Where it ends.
    pub(crate) end: End,
    /// Whether there should be more.
    pub(crate) broken: bool,
    /// The keys and versions of the values that were copied to there.
    pub(crate) moved: BTreeSet<(Key, u64)>,
}

/// Reads the log from an end on, without changing anything.
pub(crate) fn survey(disk: &dyn Disk, from: End) -> Result<Survey, StoreError> {
    let mark = match Mark::find(disk).map_err(unavailable("reading the mark"))? {
        FoundMark::Found(mark) => mark.state(),
        FoundMark::Missing | FoundMark::Damaged => MarkState::default(),
    };
    let scanned = needed(list(disk)?, from.place);
    let mut moved = BTreeSet::new();
    let mut replay = |_, write: RecoveredWrite<(u64, &[u8])>| match write {
        RecoveredWrite::Put { .. } | RecoveredWrite::Delete { .. } => {}
        RecoveredWrite::Moved { key, version, .. } => drop(moved.insert((key, version))),
    };
    let mut reader = Reader::new(disk, from, mark, &mut replay);
    reader.read(&scanned)?;
    let (end, broken) = (reader.end, reader.broken.is_some());
    Ok(Survey { end, broken, moved })
}
