//! A log that ends although there should be more: what is known of the commits behind that.

use super::mark::MarkState;
use super::record::LEAST_BYTES;
use super::scan::{Behind, ScanStart, scan};
use super::segment::{SEGMENT_HEADER, SegmentHeader};
use super::writer::End;
use crate::store::Loss;

/// Where reading stopped although there should be more.
#[derive(Debug)]
pub(super) struct Broken {
    /// In words, for people.
    at: String,
    /// The last commit before it.
    before: u64,
    /// The last commit that is known to be lost.
    last_lost: u64,
    /// The last commit that was there, acknowledged or not.
    last_written: u64,
    /// How many commits there are behind it, at most, up to the place `reached`.
    most: u64,
    reached: u64,
}

impl Broken {
    /// The log breaks off at an end.
    pub(super) fn new(at: String, end: &End, mark: &MarkState) -> Self {
        let (last_lost, last_written) = (mark.synced_seq, mark.written_seq);
        Self { at, before: end.seq, last_lost, last_written, most: 0, reached: end.place }
    }

    /// The part of the log between two places is missing too, with the commits up to `last` in it.
    pub(super) fn missing(&mut self, from: u64, to: u64, last: u64) {
        self.before = self.before.min(last.saturating_sub(1));
        self.last_lost = self.last_lost.max(last);
        self.most = self.most.saturating_add(to.saturating_sub(from) / LEAST_BYTES);
    }

    /// Everything up to this commit is there.
    pub(super) fn follows(&mut self, seq: u64) {
        self.before = self.before.min(seq);
    }

    /// Adds what stands behind the break in its own segment, which ends at the place `end`.
    pub(super) fn behind(mut self, behind: &Behind, end: u64) -> Self {
        self.last_lost = self.last_lost.max(behind.last_synced);
        self.last_written = self.last_written.max(behind.last);
        self.most = self.most.saturating_add(behind.commits);
        self.reached = end;
        self
    }

    /// Adds a segment behind the break. What it says it follows is lost too.
    pub(super) fn later(&mut self, start: u64, bytes: &[u8]) {
        self.skip_to(start);
        let room = bytes.len().saturating_sub(SEGMENT_HEADER) as u64;
        let mut most = room / LEAST_BYTES;
        if let Some(header) = SegmentHeader::decode(bytes) {
            self.last_lost = self.last_lost.max(header.before);
            let mut whole = 0_u64;
            let Ok(end) = scan(bytes, start, &ScanStart::from(&header), |frame, _| {
                whole = whole.saturating_add(frame.commits());
                Ok::<(), std::convert::Infallible>(())
            });
            most = whole.saturating_add(end.behind.commits);
        }
        self.most = self.most.saturating_add(most);
        self.reached = start.saturating_add(room);
    }

    /// Of what is missing before a place it is known how much room it took.
    fn skip_to(&mut self, place: u64) {
        self.most = self.most.saturating_add(place.saturating_sub(self.reached) / LEAST_BYTES);
        self.reached = self.reached.max(place);
    }

    /// The loss, after all segments were added.
    pub(super) fn loss(&self, mark: &MarkState) -> Loss {
        let missing = mark.synced_place.saturating_sub(self.reached) / LEAST_BYTES;
        let first = self.before.saturating_add(1);
        Loss::new(self.at.clone(), first, self.last_lost.max(first), self.most.saturating_add(missing))
    }

    /// How many commits were written behind what is known to be lost, and are gone as well.
    pub(super) fn discarded(&self) -> u64 {
        self.last_written.saturating_sub(self.last_lost.max(self.before.saturating_add(1)))
    }
}
