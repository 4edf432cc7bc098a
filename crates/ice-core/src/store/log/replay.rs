//! Reading segments again, and handing on what stands in them.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::frame::HEADER;
use super::record::{Commits, RecoveredWrite, Unreadable};
use super::scan::{ScanEnd, ScanStart, scan};
use super::segment::{FOLDER, SEGMENT_HEADER, SegmentHeader, path, start_of};
use crate::store::StoreError;
use crate::store::disk::{Disk, OpenMode};

/// Takes the writes of the log in order: the number of the commit, and the write with the place of its value.
pub(crate) type Replay<'a> = dyn FnMut(u64, RecoveredWrite<(u64, &[u8])>) + 'a;

/// Replays the part of the log from `from` up to `to`, both of which are the places of frames, while the log
/// goes on growing behind.
pub(crate) fn replay_range(
    disk: &dyn Disk,
    from: u64,
    to: u64,
    replay: &mut Replay<'_>,
) -> Result<(), StoreError> {
    let starts = list(disk)?;
    let first = starts.partition_point(|start| *start <= from).saturating_sub(1);
    let mut reached = from;
    let mut ignored = 0;
    for start in starts.iter().skip(first).take_while(|start| **start < to) {
        let bytes = read_whole(disk, &path(*start)).map_err(unavailable("reading the log"))?;
        let header = SegmentHeader::decode(&bytes).filter(|header| header.start == *start);
        let Some(header) = header else { break };
        let scan_start = ScanStart::from(&header);
        let end = replay_segment(&bytes, *start, &scan_start, from..to, &mut ignored, replay)?;
        reached = *start + (end.offset - SEGMENT_HEADER) as u64;
        if end.misfit.is_some() {
            break;
        }
    }
    if reached < to {
        let what = format!("the log has a gap or damage at place {reached}, before place {to}");
        return Err(StoreError::Corrupt { what });
    }
    Ok(())
}

/// Replays the frames of a segment whose places lie in a range.
pub(super) fn replay_segment(
    bytes: &[u8],
    segment: u64,
    start: &ScanStart,
    range: Range<u64>,
    replayed: &mut u64,
    replay: &mut Replay<'_>,
) -> Result<ScanEnd, StoreError> {
    let scanned = scan(bytes, segment, start, |frame, payload| {
        if !range.contains(&frame.place) {
            return Ok(());
        }
        let mut commits = Commits::new(payload);
        while let Some(seq) = commits.next_commit()? {
            *replayed += 1;
            while let Some(write) = commits.next_write()? {
                let place = |(at, value)| (frame.place + HEADER as u64 + at as u64, value);
                let write = match write {
                    RecoveredWrite::Put { key, value } => RecoveredWrite::Put { key, value: place(value) },
                    RecoveredWrite::Delete { key } => RecoveredWrite::Delete { key },
                    RecoveredWrite::Moved { key, version, value } => {
                        RecoveredWrite::Moved { key, version, value: place(value) }
                    }
                };
                replay(seq, write);
            }
        }
        Ok(())
    });
    scanned.map_err(|Unreadable| StoreError::Corrupt {
        what: format!("a frame of {} passes its checksum but holds no commits", path(segment)),
    })
}

/// The places at which segments begin, in order.
pub(super) fn list(disk: &dyn Disk) -> Result<Vec<u64>, StoreError> {
    let names = disk.list(FOLDER).map_err(unavailable("listing the log"))?;
    Ok(names.iter().filter_map(|name| start_of(name)).collect())
}

/// The segments that must be read for everything from a place on.
pub(super) fn needed(mut starts: Vec<u64>, from: u64) -> Vec<u64> {
    let first = starts.partition_point(|start| *start <= from).saturating_sub(1);
    starts.split_off(first)
}

/// Reads a file whole.
pub(crate) fn read_whole(disk: &dyn Disk, path: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(usize::MAX)];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

pub(super) fn unavailable(what: &str) -> impl Fn(io::Error) -> StoreError + '_ {
    move |source| StoreError::Unavailable { what: what.to_owned(), source: Some(Arc::new(source)) }
}
