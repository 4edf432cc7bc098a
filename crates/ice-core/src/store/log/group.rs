//! Commits that are written together: encoded straight into the bytes of their frame.

use bytes::Bytes;

use super::frame::{Chain, FrameHeader, HEADER, seal};
use super::record;
use crate::store::Key;

/// Values of this many bytes and more are written from where they are instead of being copied.
const SPLICE_BYTES: usize = 16 << 10;

/// The commits of one frame.
#[derive(Debug, Default)]
pub(crate) struct Group {
    buffer: Vec<u8>,
    /// Large values, and where in the buffer they belong.
    splices: Vec<(usize, Bytes)>,
    spliced: usize,
    first: u64,
    last: u64,
    commits: usize,
}

impl Group {
    /// Makes the group empty; its memory is kept up to `keep` bytes.
    pub(crate) fn clear(&mut self, keep: usize) {
        self.buffer.clear();
        self.buffer.shrink_to(keep);
        self.splices.clear();
        (self.spliced, self.first, self.last, self.commits) = (0, 0, 0, 0);
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// How many commits there are.
    pub(crate) fn commits(&self) -> usize {
        self.commits
    }

    /// The first commit.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The last commit.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// The size of the frame in bytes; zero for an empty group.
    pub(crate) fn size(&self) -> usize {
        self.buffer.len() + self.spliced
    }

    /// Begins a commit with `writes` writes, which must follow.
    pub(crate) fn begin(&mut self, seq: u64, writes: usize) {
        if self.buffer.is_empty() {
            self.buffer.resize(HEADER, 0);
            self.first = seq;
        }
        self.last = seq;
        self.commits += 1;
        record::begin(&mut self.buffer, seq, u32::try_from(writes).unwrap_or(u32::MAX));
    }

    /// Adds a removal.
    pub(crate) fn delete(&mut self, key: &Key) {
        record::write(&mut self.buffer, key, None, None);
    }

    /// Adds a value, `moved` if it was written before with that version. Returns where in the frame it is.
    pub(crate) fn put(&mut self, key: &Key, value: &Bytes, moved: Option<u64>) -> usize {
        // A value's size is bounded far below 4 GiB.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        record::write(&mut self.buffer, key, Some(length), moved);
        let at = self.size();
        if value.len() >= SPLICE_BYTES {
            self.splices.push((self.buffer.len(), value.clone()));
            self.spliced += value.len();
        } else {
            self.buffer.extend_from_slice(value);
        }
        at
    }

    /// Fills in the header. Returns the chain value after this frame.
    pub(crate) fn seal(&mut self, place: u64, synced: u64, before: &Chain) -> Chain {
        let payload = self.size().saturating_sub(HEADER);
        let header = FrameHeader {
            place,
            length: u32::try_from(payload).unwrap_or(u32::MAX),
            first: self.first,
            last: self.last,
            synced,
        };
        let parts = self.parts();
        let whole = parts.iter().enumerate().map(|(index, part)| {
            // The first part begins with the room for the header.
            if index == 0 { part.get(HEADER..).unwrap_or_default() } else { part }
        });
        let (header, chain) = seal(&header, before, whole);
        for (slot, byte) in self.buffer.iter_mut().zip(header) {
            *slot = byte;
        }
        chain
    }

    /// The bytes of the frame in order. The header is in the first part.
    pub(crate) fn parts(&self) -> Vec<&[u8]> {
        let mut parts = Vec::with_capacity(self.splices.len() * 2 + 1);
        let mut from = 0;
        for (at, value) in &self.splices {
            parts.push(self.buffer.get(from..*at).unwrap_or_default());
            parts.push(value);
            from = *at;
        }
        parts.push(self.buffer.get(from..).unwrap_or_default());
        parts
    }
}
