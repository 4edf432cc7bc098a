//! The payload of a frame: commits one after the other, each with its writes.
//!
//! A commit is its number (8), the count of its writes (4), then each write: a tag (0 delete, 1 put, 2
//! moved), the length of the key (2), for a put and a move the length of the value (4), for a move the
//! version (8), the key, the value.

use bytes::Bytes;

use crate::store::Key;

/// The fewest bytes that a commit takes: its head, and the removal of a key of one byte.
pub(super) const LEAST_BYTES: u64 = 16;

const DELETE: u8 = 0;
const PUT: u8 = 1;
const MOVED: u8 = 2;

/// A write as the log holds it. `V` is how its value is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveredWrite<V = Bytes> {
    /// A key was written.
    Put {
        /// The key.
        key: Key,
        /// Its value.
        value: V,
    },
    /// A key was removed.
    Delete {
        /// The key.
        key: Key,
    },
    /// A value was copied to here from an older segment. It counts if the key still has that version.
    Moved {
        /// The key.
        key: Key,
        /// The version it was written with.
        version: u64,
        /// Its value.
        value: V,
    },
}

/// A value in its place: where it stands, and its bytes.
pub(crate) type At<'a, P> = (P, &'a [u8]);

/// Adds a commit's beginning.
pub(super) fn begin(buffer: &mut Vec<u8>, seq: u64, writes: u32) {
    buffer.extend_from_slice(&seq.to_le_bytes());
    buffer.extend_from_slice(&writes.to_le_bytes());
}

/// Adds a write without its value, which must follow. `length` is that of the value.
pub(super) fn write(buffer: &mut Vec<u8>, key: &Key, length: Option<u32>, moved: Option<u64>) {
    let tag = match (length, moved) {
        (None, _) => DELETE,
        (Some(_), None) => PUT,
        (Some(_), Some(_)) => MOVED,
    };
    buffer.push(tag);
    // A key has at most 512 bytes.
    let key = key.as_bytes();
    buffer.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
    if let Some(length) = length {
        buffer.extend_from_slice(&length.to_le_bytes());
    }
    if let Some(version) = moved {
        buffer.extend_from_slice(&version.to_le_bytes());
    }
    buffer.extend_from_slice(key);
}

/// Reads commits out of a payload. Ends with nothing after the last one, and with an error in bytes that
/// are none.
#[derive(Debug)]
pub(crate) struct Commits<'a> {
    payload: &'a [u8],
    at: usize,
    left: u32,
}

/// Bytes that passed their checksum but are no commits: written by another version, or by a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl<'a> Commits<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { payload, at: 0, left: 0 }
    }

    /// The number of the next commit. The writes of the one before must have been read.
    pub(crate) fn next_commit(&mut self) -> Result<Option<u64>, Unreadable> {
        if self.left > 0 {
            return Err(Unreadable);
        }
        if self.at == self.payload.len() {
            return Ok(None);
        }
        let seq = u64::from_le_bytes(self.fixed()?);
        self.left = u32::from_le_bytes(self.fixed()?);
        Ok(Some(seq))
    }

    /// The next write of the commit; its value comes with its offset in the payload.
    pub(crate) fn next_write(&mut self) -> Result<Option<RecoveredWrite<At<'a, usize>>>, Unreadable> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let [tag] = self.fixed()?;
        let key_length = usize::from(u16::from_le_bytes(self.fixed()?));
        let length = if tag == DELETE { 0 } else { u32::from_le_bytes(self.fixed()?) };
        let version = if tag == MOVED { u64::from_le_bytes(self.fixed()?) } else { 0 };
        let key = std::str::from_utf8(self.take(key_length)?).map_err(|_| Unreadable)?;
        let key = Key::new(key).map_err(|_| Unreadable)?;
        let at = self.at;
        let value = (at, self.take(usize::try_from(length).map_err(|_| Unreadable)?)?);
        match tag {
            DELETE => Ok(Some(RecoveredWrite::Delete { key })),
            PUT => Ok(Some(RecoveredWrite::Put { key, value })),
            MOVED => Ok(Some(RecoveredWrite::Moved { key, version, value })),
            _ => Err(Unreadable),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let end = self.at.checked_add(count).ok_or(Unreadable)?;
        let taken = self.payload.get(self.at..end).ok_or(Unreadable)?;
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.take(N)?.try_into().map_err(|_| Unreadable)
    }
}
