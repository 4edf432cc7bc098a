//! Which blobs a journal needs, found without putting its values together: a chunk, a pack or one large object is in memory at
//! a time.

use std::collections::{BTreeSet, HashSet};

use ice_core::value::{BlobHash, Value};

use super::decoder::{Stand, read_object, stands_for};
use super::{DecodeError, ObjectId, fields, values};
use crate::journal::Record;

/// What the records of a journal refer to, as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Objects that stand in the journal itself, or in its packs.
    here: HashSet<ObjectId>,
    /// Blobs without which it cannot be read.
    blobs: BTreeSet<BlobHash>,
    /// Blobs that its values name.
    named: BTreeSet<BlobHash>,
    /// Packs that have not been looked through.
    packs: Vec<BlobHash>,
    /// Objects that are referred to, and may stand in a pack that has not been looked through.
    wanted: Vec<ObjectId>,
    /// Those of them that were looked up.
    known: HashSet<ObjectId>,
}

impl References {
    /// Takes a chunk in, and gives its records as they stand there.
    ///
    /// # Errors
    /// [`DecodeError::Line`] at the first line that cannot be read.
    pub(crate) fn read(&mut self, chunk: &[u8]) -> Result<Vec<Record>, DecodeError> {
        let mut records = Vec::new();
        for (line, number) in chunk.split(|byte| *byte == b'\n').zip(1_usize..) {
            let wrong = |what: String| DecodeError::Line { line: number, what };
            match line.split_first() {
                None => {}
                Some((b'r', json)) => {
                    let record = fields::read(json).map_err(|error| wrong(error.to_string()))?;
                    values(&record.body).into_iter().flatten().for_each(|value| self.look(value));
                    records.push(record);
                }
                Some((b'o', rest)) => self.object(rest).map_err(wrong)?,
                Some((b'p', hash)) => {
                    let hash = std::str::from_utf8(hash).ok().and_then(|hash| hash.parse().ok());
                    let hash = hash.ok_or_else(|| wrong("a pack without a hash".to_owned()))?;
                    self.blobs.insert(hash);
                    self.packs.push(hash);
                }
                Some((kind, _)) => return Err(wrong(format!("unknown kind of line {kind:#04x}"))),
            }
        }
        Ok(records)
    }

    /// The next blob that must be [taken in](Self::supply), as there may be further references in it, and whether it is a
    /// pack. All must be before the next chunk.
    pub(crate) fn take_open(&mut self) -> Option<(BlobHash, bool)> {
        if let Some(pack) = self.packs.pop() {
            return Some((pack, true));
        }
        while let Some(id) = self.wanted.pop() {
            if self.known.insert(id) && !self.here.contains(&id) {
                self.blobs.insert(id.hash);
                if !id.is_text {
                    return Some((id.hash, false));
                }
            }
        }
        None
    }

    /// Takes in a pack of objects, or a large object.
    ///
    /// # Errors
    /// [`DecodeError::Object`] if the bytes are not that.
    pub(crate) fn supply(&mut self, hash: BlobHash, is_pack: bool, bytes: &[u8]) -> Result<(), DecodeError> {
        let wrong = |what: String| DecodeError::Object { hash, what };
        if !is_pack {
            let tree: Value = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
            self.look(&tree);
            return Ok(());
        }
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let object =
                line.strip_prefix(b"o").ok_or_else(|| wrong("a line that is no object".to_owned()))?;
            self.object(object).map_err(wrong)?;
        }
        Ok(())
    }

    /// The blobs without which the journal cannot be read, and those that its values merely name, sorted.
    pub(crate) fn into_blobs(self) -> (BTreeSet<BlobHash>, BTreeSet<BlobHash>) {
        (self.blobs, self.named)
    }

    fn object(&mut self, line: &[u8]) -> Result<(), String> {
        let (id, value) = read_object(line, false)?;
        self.look(&value);
        self.here.insert(id);
        Ok(())
    }

    fn look(&mut self, value: &Value) {
        match stands_for(value) {
            Some(Stand::Object(id)) if self.known.contains(&id) => {}
            Some(Stand::Object(id)) => self.wanted.push(id),
            Some(Stand::List(inner) | Stand::Map(inner)) => self.inside(inner),
            None => self.inside(value),
        }
    }

    fn inside(&mut self, value: &Value) {
        match value {
            Value::Blob(blob) => drop(self.named.insert(blob.hash)),
            Value::List(items) => items.iter().for_each(|item| self.look(item)),
            Value::Map(entries) => entries.values().for_each(|item| self.look(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
