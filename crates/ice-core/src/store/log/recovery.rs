//! Opening the log: reads it from a checkpoint on, decides between a torn tail and damage, and leaves it
//! ready to go on.

use std::io;
use std::sync::Arc;

use super::broken::Broken;
use super::mark::{FoundMark, Mark, MarkState};
use super::record::Unreadable;
use super::replay::{Replay, list, needed, read_whole, replay_segment, unavailable};
use super::scan::{Behind, ScanStart, scan};
use super::segment::{FOLDER, SEGMENT_HEADER, SegmentHeader, Segments, path};
use super::writer::End;
use crate::store::disk::{Disk, DiskFile, OpenMode};
use crate::store::{CommitSeq, Loss, StoreError};

/// Where damaged parts are moved.
const ASIDE: &str = "damaged";

/// Numbers left out when it is not known how far they were given out.
const UNKNOWN_NUMBERS: u64 = 1 << 40;

/// What to do when acknowledged commits are lost or damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossPolicy {
    /// Refuse to open, with [`StoreError::Lost`].
    #[default]
    Refuse,
    /// Open with all commits before the loss and none after it, move what cannot be used to the folder
    /// `damaged`, and say in the report what was lost. Where values are lost that a checkpoint has made old, only
    /// their keys are gone, and what was committed after them stays.
    Accept,
}

/// What opening a store has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The newest commit.
    pub last_commit: CommitSeq,
    /// Commits read from the log.
    pub replayed: u64,
    /// What was acknowledged as safe from the loss of power and is lost. Only with [`LossPolicy::Accept`].
    pub lost: Option<Loss>,
    /// Commits that had been written but not synced and are gone, at most: they were promised at most the end
    /// of the process, and power was lost.
    pub discarded: u64,
    /// Bytes dropped from the end of the log.
    pub discarded_bytes: u64,
    /// Whether the index was thrown away and made anew.
    pub index_rebuilt: bool,
}

/// An opened log.
#[derive(Debug)]
pub(crate) struct Recovery {
    /// Its end.
    pub(crate) end: End,
    /// The last segment, if it is to grow further.
    pub(crate) tail: Option<(u64, Arc<dyn DiskFile>)>,
    /// The mark. Its state says no more than what is on the disk for sure.
    pub(crate) mark: Mark,
    /// Commit numbers up to this one were given out, perhaps.
    pub(crate) given_out: u64,
    /// What was found.
    pub(crate) report: RecoveryReport,
}

/// Reads segments one after another, up to where they end or break off.
pub(super) struct Reader<'a> {
    disk: &'a dyn Disk,
    from: u64,
    mark: MarkState,
    replay: &'a mut Replay<'a>,
    pub(super) end: End,
    replayed: u64,
    /// The last segment that was read, its bytes up to the end, and whether it goes on behind it.
    tail: Option<(u64, Vec<u8>, usize)>,
    pub(super) broken: Option<Broken>,
    /// A torn tail: commits that it may have held.
    torn: Option<u64>,
    /// The last segment if it has no valid header: its creation was torn.
    stillborn: Option<u64>,
}

/// Opens the log and replays it from the end of what a checkpoint covers on. `behind` is what is known to be lost
/// before that.
pub(crate) fn recover_disk<'a>(
    disk: &'a dyn Disk,
    segments: &Segments,
    from: End,
    behind: Option<Loss>,
    policy: LossPolicy,
    replay: &'a mut Replay<'a>,
) -> Result<Recovery, StoreError> {
    let (mark, state, unknown) = open_mark(disk, policy)?;
    let starts = list(disk)?;
    for start in &starts {
        segments.add(*start, None);
    }
    let scanned = needed(starts, from.place);
    let mut reader = Reader::new(disk, from, state, replay);
    reader.read(&scanned)?;
    let here = reader.broken.as_ref().map(|broken| broken.loss(&state));
    let loss = behind.into_iter().chain(here).reduce(Loss::and);
    if let Some(loss) = &loss
        && policy == LossPolicy::Refuse
    {
        return Err(StoreError::Lost(loss.clone()));
    }
    let mut recovery = reader.settle(segments, &scanned, mark, unknown)?;
    recovery.report.lost = loss;
    Ok(recovery)
}

fn open_mark(disk: &dyn Disk, policy: LossPolicy) -> Result<(Mark, MarkState, bool), StoreError> {
    match Mark::find(disk).map_err(unavailable("reading the mark"))? {
        FoundMark::Found(mark) => {
            let state = mark.state();
            Ok((mark, state, false))
        }
        FoundMark::Missing | FoundMark::Damaged if policy == LossPolicy::Refuse => Err(StoreError::Corrupt {
            what: "the file MARK is missing or damaged: what was acknowledged cannot be told".to_owned(),
        }),
        FoundMark::Missing => {
            let mark = Mark::create(disk).map_err(unavailable("creating the mark"))?;
            Ok((mark, MarkState::default(), true))
        }
        FoundMark::Damaged => {
            disk.remove(super::mark::MARK).map_err(unavailable("removing the damaged mark"))?;
            let mark = Mark::create(disk).map_err(unavailable("creating the mark"))?;
            Ok((mark, MarkState::default(), true))
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(disk: &'a dyn Disk, from: End, mark: MarkState, replay: &'a mut Replay<'a>) -> Self {
        Reader {
            disk,
            from: from.place,
            mark,
            replay,
            end: from,
            replayed: 0,
            tail: None,
            broken: None,
            torn: None,
            stillborn: None,
        }
    }

    pub(super) fn read(&mut self, starts: &[u64]) -> Result<(), StoreError> {
        if starts.is_empty() && self.from > 0 {
            // The last segment before a checkpoint stays until there is one behind it.
            self.break_off(format!("{FOLDER}/, in which no segment is"), None, None);
            if let Some(broken) = &mut self.broken {
                broken.missing(0, self.from, self.end.seq);
            }
            return Ok(());
        }
        for (index, start) in starts.iter().enumerate() {
            let later = starts.get(index + 1..).unwrap_or_default();
            if index > 0 && *start != self.end.place {
                self.break_off(format!("the log ends before {}", path(*start)), None, starts.get(index..));
                return Ok(());
            }
            if index == 0 && *start > self.from {
                self.break_off(
                    format!("the segments before {} are missing", path(*start)),
                    None,
                    starts.get(index..),
                );
                return Ok(());
            }
            let bytes = read_whole(self.disk, &path(*start)).map_err(unavailable("reading the log"))?;
            // What lies before the checkpoint is not needed, so it is not looked at.
            let skipped = usize::try_from(self.from.saturating_sub(*start)).unwrap_or(usize::MAX);
            let whole = skipped.saturating_add(SEGMENT_HEADER);
            if skipped > 0 && bytes.len() < whole {
                self.cut_short(*start, &bytes, later);
                return Ok(());
            }
            if skipped > 0 && bytes.len() == whole {
                continue;
            }
            let start_of_scan = if skipped > 0 {
                Some(ScanStart { place: self.from, before: self.end.seq, chain: self.end.chain })
            } else {
                SegmentHeader::decode(&bytes)
                    .filter(|header| header.start == *start && header.chain == self.end.chain)
                    .map(|header| ScanStart::from(&header))
            };
            let Some(start_of_scan) = start_of_scan else {
                if later.is_empty() && *start >= self.mark.synced_place {
                    self.stillborn = Some(*start);
                    self.torn = Some(self.mark.written_seq.saturating_sub(self.end.seq));
                } else {
                    self.break_off(
                        format!("{} has no valid header", path(*start)),
                        None,
                        starts.get(index..),
                    );
                }
                self.finish();
                return Ok(());
            };
            let range = self.from..u64::MAX;
            let found =
                replay_segment(&bytes, *start, &start_of_scan, range, &mut self.replayed, self.replay)?;
            let place = *start + (found.offset - SEGMENT_HEADER) as u64;
            self.end = End { place, seq: found.last.max(self.end.seq), chain: found.chain };
            self.tail = Some((*start, bytes, found.offset));
            if found.misfit.is_some() {
                let proved = found.behind.synced.max(self.mark.synced_place);
                if !later.is_empty() || proved > place {
                    let at = format!("byte {} of {}", found.offset, path(*start));
                    self.break_off(at, Some(&found.behind), starts.get(index + 1..));
                } else {
                    self.torn =
                        Some(found.behind.last.max(self.mark.written_seq).saturating_sub(self.end.seq));
                }
                return Ok(());
            }
        }
        self.finish();
        Ok(())
    }

    /// Compares the end with what the mark says.
    fn finish(&mut self) {
        if self.broken.is_none() && self.end.place < self.mark.synced_place {
            let at = format!("the end of the log at place {}", self.end.place);
            self.break_off(at, None, None);
        }
        if self.broken.is_none() && self.torn.is_none() && self.mark.written_seq > self.end.seq {
            self.torn = Some(self.mark.written_seq - self.end.seq);
        }
    }

    /// Notes that a segment ends before the place from which on the log is replayed, although it must reach it.
    fn cut_short(&mut self, start: u64, bytes: &[u8], later: &[u64]) {
        let missing = path(start);
        let at = format!("{missing}, which ends before place {} of the log", self.from);
        self.break_off(at, None, Some(later));
        // What is left of it says how far the commits in it go.
        let header = SegmentHeader::decode(bytes).map(|header| ScanStart::from(&header));
        let left = header.and_then(|header| {
            scan(bytes, start, &header, |_, _| Ok::<(), Unreadable>(()))
                .ok()
                .map(|end| (end.offset, end.last))
        });
        let (offset, last) = left.unwrap_or((SEGMENT_HEADER, self.end.seq));
        let reached = start + offset.saturating_sub(SEGMENT_HEADER) as u64;
        if let Some(broken) = &mut self.broken {
            broken.missing(reached, self.from, self.end.seq);
            broken.follows(last);
        }
    }

    /// Notes a loss at the end of what was read, with what stands behind it in the same segment and in later
    /// ones.
    fn break_off(&mut self, at: String, behind: Option<&Behind>, later: Option<&[u64]>) {
        let mut broken = Broken::new(at, &self.end, &self.mark);
        if let (Some(behind), Some((start, bytes, _))) = (behind, &self.tail) {
            broken = broken.behind(behind, start + bytes.len().saturating_sub(SEGMENT_HEADER) as u64);
        }
        for start in later.unwrap_or_default() {
            if let Ok(bytes) = read_whole(self.disk, &path(*start)) {
                broken.later(*start, &bytes);
            }
        }
        self.broken = Some(broken);
    }

    /// Leaves the log so that it can grow: what does not fit is cut off or moved aside, and what was not
    /// synced for sure is written and synced again, since after a failed sync the system may show bytes that
    /// are not on the disk.
    fn settle(
        self,
        segments: &Segments,
        scanned: &[u64],
        mut mark: Mark,
        unknown: bool,
    ) -> Result<Recovery, StoreError> {
        let failed = unavailable("repairing the end of the log");
        let mut report = RecoveryReport {
            last_commit: CommitSeq(self.end.seq),
            replayed: self.replayed,
            discarded: self.torn.unwrap_or(0),
            ..RecoveryReport::default()
        };
        if let Some(broken) = &self.broken {
            report.discarded = broken.discarded();
        }
        let kept = self.tail.as_ref().map(|(start, ..)| *start);
        for start in scanned.iter().rev().take_while(|start| kept.is_none_or(|kept| **start > kept)) {
            // One that begins before the checkpoint may hold values that are alive. One that was read to its
            // end without trouble is kept too.
            if *start < self.end.place {
                continue;
            }
            if self.stillborn == Some(*start) {
                if self.tail.is_none() && self.end.place > 0 {
                    // It gets its header after all, see below.
                    continue;
                }
                segments.remove(*start).map_err(&failed)?;
            } else {
                let bytes = read_whole(self.disk, &path(*start)).map_err(&failed)?;
                self.move_aside(*start, 0, &bytes).map_err(&failed)?;
                segments.remove(*start).map_err(&failed)?;
            }
            self.disk.sync_folder(FOLDER).map_err(&failed)?;
        }
        let mut tail = None;
        if self.tail.is_none() && self.end.place > 0 && (self.broken.is_some() || self.stillborn.is_some()) {
            // Nothing else may reach the end, and the next opening must find something that does.
            tail = Some(self.begin_segment(segments).map_err(&failed)?);
        }
        if let Some((start, bytes, offset)) = &self.tail {
            let file = self.disk.open(&path(*start), OpenMode::Write).map_err(&failed)?;
            let dropped = bytes.get(*offset..).unwrap_or_default();
            if !dropped.is_empty() {
                report.discarded_bytes = dropped.len() as u64;
                if self.broken.is_some() {
                    self.move_aside(*start, *offset, dropped).map_err(&failed)?;
                }
                file.truncate(*offset as u64).map_err(&failed)?;
            }
            let synced = self.mark.synced_place.saturating_sub(*start) + SEGMENT_HEADER as u64;
            // With nothing known to be synced in it, its header is not either.
            let again =
                if self.mark.synced_place <= *start { 0 } else { usize::try_from(synced).unwrap_or(0) };
            let unsynced = bytes.get(again.min(*offset)..*offset).unwrap_or_default();
            if !unsynced.is_empty() {
                file.write_at(again.min(*offset) as u64, &[unsynced]).map_err(&failed)?;
            }
            if !unsynced.is_empty() || !dropped.is_empty() {
                file.sync().map_err(&failed)?;
                self.disk.sync_folder(FOLDER).map_err(&failed)?;
            }
            segments.add(*start, Some(Arc::clone(&file)));
            tail = Some((*start, file));
        }
        let mut given_out = self.mark.reserved.max(self.mark.written_seq).max(self.end.seq);
        if unknown {
            given_out = given_out.saturating_add(UNKNOWN_NUMBERS);
        }
        let changed = unknown || self.broken.is_some();
        if changed {
            // From here on the loss is history: the next opening must not find it again.
            let (place, seq) = (self.end.place, self.end.seq);
            let state =
                MarkState { synced_place: place, synced_seq: seq, written_seq: seq, reserved: given_out };
            mark.write(state).map_err(&failed)?;
            mark.sync().map_err(&failed)?;
        }
        Ok(Recovery { end: self.end, tail, mark, given_out, report })
    }

    /// Makes the segment that begins at the end of the log, without a frame.
    fn begin_segment(&self, segments: &Segments) -> io::Result<(u64, Arc<dyn DiskFile>)> {
        let End { place, seq, chain } = self.end;
        self.disk.create_folder(FOLDER)?;
        let mode = if self.stillborn == Some(place) { OpenMode::Write } else { OpenMode::Create };
        let file = self.disk.open(&path(place), mode)?;
        file.truncate(0)?;
        file.write_at(0, &[&SegmentHeader { start: place, before: seq, chain }.encode()])?;
        file.sync()?;
        self.disk.sync_folder(FOLDER)?;
        segments.add(place, Some(Arc::clone(&file)));
        Ok((place, file))
    }

    fn move_aside(&self, start: u64, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.disk.create_folder(ASIDE)?;
        let to = format!("{ASIDE}/{start:016x}-{offset}.log");
        if self.disk.open(&to, OpenMode::Read).is_ok() {
            self.disk.remove(&to)?;
        }
        let file = self.disk.open(&to, OpenMode::Create)?;
        file.write_at(0, &[bytes])?;
        file.sync()?;
        self.disk.sync_folder(ASIDE)
    }
}
