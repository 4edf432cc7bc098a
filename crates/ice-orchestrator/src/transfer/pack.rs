//! Writing the file of a run, piece by piece.

use bytes::Bytes;
use ice_core::value::BlobHash;
use serde::Serialize;

use super::format::{End, Header, Last, Part};

/// Makes the lines of a run's file and keeps count of what has been written. The caller writes what it gives, and the
/// bytes of each part behind its line, through [`Self::bytes`].
#[derive(Debug, Default)]
pub struct Packer {
    digest: blake3::Hasher,
    parts: u64,
}

impl Packer {
    /// The first line.
    ///
    /// # Errors
    /// [`serde_json::Error`] does not come for what [`Header`] can hold.
    pub fn header(&mut self, header: &Header) -> Result<Bytes, serde_json::Error> {
        self.line(header)
    }

    /// The line before the bytes of a part.
    ///
    /// # Errors
    /// As [`Self::header`].
    pub fn part(&mut self, part: &Part) -> Result<Bytes, serde_json::Error> {
        self.parts += 1;
        self.line(part)
    }

    /// Bytes of the part whose line came last.
    pub fn bytes(&mut self, bytes: Bytes) -> Bytes {
        self.digest.update(&bytes);
        bytes
    }

    /// What stands behind the bytes of a part.
    pub fn end_part(&mut self) -> Bytes {
        self.bytes(Bytes::from_static(b"\n"))
    }

    /// The last line.
    ///
    /// # Errors
    /// As [`Self::header`].
    pub fn end(mut self) -> Result<Bytes, serde_json::Error> {
        let digest = BlobHash::from_bytes(*self.digest.finalize().as_bytes());
        let end = End { parts: self.parts, digest };
        self.line(&Last { end })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<Bytes, serde_json::Error> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        Ok(self.bytes(bytes.into()))
    }
}
