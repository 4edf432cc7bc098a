//! Appending to the log: the one who calls this is the committer thread.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::Chain;
use super::group::Group;
use super::mark::{MARK, Mark, MarkState};
use super::segment::{FOLDER, SEGMENT_HEADER, SegmentHeader, Segments, path};
use crate::store::disk::{Disk, DiskFile, FileId, OpenMode};

/// How many commit numbers are reserved at a time. Numbers are given out only below the reservation, which
/// is synced, so that none recurs, whatever is lost.
pub(crate) const RESERVATION: u64 = 1 << 22;

/// How long the synced mark may lag behind the synced log while commits keep coming.
const MARK_INTERVAL: Duration = Duration::from_millis(250);

/// The open end of the log.
#[derive(Debug)]
pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    segments: Arc<Segments>,
    /// The segment that grows; none until the first group.
    tail: Option<Tail>,
    end: End,
    synced: u64,
    synced_seq: u64,
    mark: Mark,
    mark_synced: MarkState,
    mark_due: Instant,
    segment_bytes: u64,
    /// Numbers up to this one were given out in an earlier life, perhaps.
    given_out: u64,
}

/// The end of the log: what the next frame must follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// The place of the next frame.
    pub(crate) place: u64,
    /// The last commit.
    pub(crate) seq: u64,
    /// The chain value.
    pub(crate) chain: Chain,
}

impl End {
    /// Its bytes: place, commit, chain value.
    pub(crate) fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let parts = self.place.to_le_bytes().into_iter().chain(self.seq.to_le_bytes()).chain(self.chain);
        for (slot, byte) in bytes.iter_mut().zip(parts) {
            *slot = byte;
        }
        bytes
    }

    /// From its bytes.
    pub(crate) fn decode(bytes: &[u8; 32]) -> Self {
        let mut words = bytes.as_chunks::<8>().0.iter();
        let mut word = || words.next().map_or(0, |word| u64::from_le_bytes(*word));
        let (place, seq) = (word(), word());
        Self { place, seq, chain: bytes.last_chunk().copied().unwrap_or_default() }
    }
}

#[derive(Debug)]
struct Tail {
    file: Arc<dyn DiskFile>,
    start: u64,
    /// Whether its name is not synced yet.
    nameless: bool,
}

impl Writer {
    /// Goes on at the end of the log. `tail` is the last segment, if it is to grow further; everything up to
    /// the end is synced.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        segments: Arc<Segments>,
        tail: Option<(u64, Arc<dyn DiskFile>)>,
        end: End,
        mark: Mark,
        given_out: u64,
        segment_bytes: u64,
    ) -> Self {
        let mark_synced = mark.state();
        Self {
            disk,
            segments,
            tail: tail.map(|(start, file)| Tail { file, start, nameless: false }),
            end,
            synced: end.place,
            synced_seq: end.seq,
            mark,
            mark_synced,
            mark_due: Instant::now() + MARK_INTERVAL,
            segment_bytes,
            given_out,
        }
    }

    /// Writes a group that is not empty. The place of its frame is that of the end before.
    pub(crate) fn append(&mut self, group: &mut Group) -> io::Result<()> {
        let full = |tail: &Tail| self.end.place - tail.start >= self.segment_bytes;
        if self.tail.as_ref().is_some_and(full) {
            // So that only the last segment can hold anything that is not synced.
            self.rotate()?;
        }
        let chain = group.seal(self.end.place, self.synced, &self.end.chain);
        let parts = group.parts();
        match &self.tail {
            Some(tail) => {
                tail.file.write_at(self.end.place - tail.start + SEGMENT_HEADER as u64, &parts)?;
            }
            None => {
                let file = self.disk.open(&path(self.end.place), OpenMode::Create)?;
                let header =
                    SegmentHeader { start: self.end.place, before: self.end.seq, chain: self.end.chain }
                        .encode();
                let mut whole = vec![header.as_slice()];
                whole.extend(parts);
                file.write_at(0, &whole)?;
                self.segments.add(self.end.place, Some(Arc::clone(&file)));
                self.tail = Some(Tail { file, start: self.end.place, nameless: true });
            }
        }
        self.end =
            End { place: self.end.place + group.size() as u64, seq: group.last().max(self.end.seq), chain };
        Ok(())
    }

    /// Makes everything that was written safe from the loss of power.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.is_synced() {
            return Ok(());
        }
        if let Some(tail) = &mut self.tail {
            tail.file.sync()?;
            if tail.nameless {
                self.disk.sync_folder(FOLDER)?;
                tail.nameless = false;
            }
        }
        (self.synced, self.synced_seq) = (self.end.place, self.end.seq);
        Ok(())
    }

    /// Syncs, and has the next group begin a new segment.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        // A segment without a frame, as a torn write may leave it, begins at this place already.
        self.tail = self.tail.take().filter(|tail| tail.start == self.end.place);
        Ok(())
    }

    /// Whether everything that was written is synced.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced == self.end.place
    }

    /// The end of the log.
    pub(crate) fn end(&self) -> End {
        self.end
    }

    /// Numbers up to this one may be given out.
    pub(crate) fn reserved(&self) -> u64 {
        self.mark_synced.reserved
    }

    fn mark_state(&self, reserved: u64) -> MarkState {
        MarkState {
            synced_place: self.synced,
            synced_seq: self.synced_seq,
            written_seq: self.end.seq,
            reserved,
        }
    }

    /// Writes the mark after a group, and syncs it if that is due.
    pub(crate) fn mark(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let due = now >= self.mark_due && self.synced != self.mark_synced.synced_place;
        if due || self.mark_synced.reserved.saturating_sub(self.end.seq) < RESERVATION / 4 {
            self.mark_due = now + MARK_INTERVAL;
            return self.sync_mark();
        }
        self.mark.write(self.mark_state(self.mark.state().reserved))
    }

    /// Whether the synced mark says less than it could.
    pub(crate) fn mark_lags(&self) -> bool {
        self.synced != self.mark_synced.synced_place
    }

    /// Syncs the mark, and reserves more numbers if they run low.
    pub(crate) fn sync_mark(&mut self) -> io::Result<()> {
        let used = self.end.seq.max(self.given_out);
        let mut reserved = self.mark_synced.reserved;
        if reserved.saturating_sub(used) < RESERVATION / 2 {
            reserved = used.max(reserved).saturating_add(RESERVATION);
        }
        self.store_mark(reserved)
    }

    /// Syncs everything and says that no number above `last` was given out: for a clean end.
    pub(crate) fn close(&mut self, last: u64) -> io::Result<()> {
        self.sync()?;
        self.check_names()?;
        let state = self.mark_state(last);
        if state == self.mark_synced { Ok(()) } else { self.store_mark(last) }
    }

    /// Fails with `NotFound` if what is written is no longer what can be found under its name. Writes to files that
    /// were removed succeed, and whatever is acknowledged is gone with them.
    fn check_names(&self) -> io::Result<()> {
        self.check_name(MARK, self.mark.id()?)?;
        match &self.tail {
            Some(tail) => self.check_name(&path(tail.start), tail.file.id()?),
            None => Ok(()),
        }
    }

    fn check_name(&self, path: &str, written: FileId) -> io::Result<()> {
        match self.disk.id(path) {
            Ok(named) if named == written => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(_) | Err(_) => {
                let what = format!(
                    "{path} is not the file that was opened: the data folder was removed or replaced"
                );
                Err(io::Error::new(io::ErrorKind::NotFound, what))
            }
        }
    }

    fn store_mark(&mut self, reserved: u64) -> io::Result<()> {
        self.check_names()?;
        let state = self.mark_state(reserved);
        self.mark.write(state)?;
        self.mark.sync()?;
        self.mark_synced = state;
        Ok(())
    }
}
