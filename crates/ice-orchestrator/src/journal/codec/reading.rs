//! A chunk that is being read: its records, whose values are put together as the blobs come that they need.

use ice_core::value::BlobHash;

use super::{DecodeError, Decoder, values_mut};
use crate::journal::Record;

/// A chunk that is being read. It is asked for what it [needs](Self::needs) and given that, until it needs nothing.
#[derive(Debug)]
pub(crate) struct Reading {
    records: Vec<Record>,
    /// So many records are whole.
    whole: usize,
    wanted: Vec<Wanted>,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    Pack(BlobHash),
    Object { hash: BlobHash, is_text: bool },
}

impl Reading {
    /// Begins to read a chunk that follows on those the decoder has seen.
    pub(crate) fn begin(decoder: &mut Decoder, chunk: &[u8]) -> Result<Self, DecodeError> {
        let records = decoder.read(chunk)?;
        let wanted = decoder.take_packs().into_iter().map(Wanted::Pack).collect();
        Ok(Self { records, whole: 0, wanted })
    }

    /// The next blob that is needed; nothing once all records are whole.
    pub(crate) fn needs(&mut self, decoder: &mut Decoder) -> Result<Option<BlobHash>, DecodeError> {
        loop {
            if let Some(Wanted::Pack(hash) | Wanted::Object { hash, .. }) = self.wanted.last() {
                return Ok(Some(*hash));
            }
            let Some(record) = self.records.get_mut(self.whole) else { return Ok(None) };
            let [value] = values_mut(&mut record.body);
            if let Some(value) = value {
                let missing = decoder.missing(value).into_iter();
                self.wanted.extend(missing.map(|(hash, is_text)| Wanted::Object { hash, is_text }));
                if !self.wanted.is_empty() {
                    continue;
                }
                *value = decoder.resolve(value)?;
            }
            self.whole += 1;
        }
    }

    /// Takes the blob that was needed.
    pub(crate) fn supply(&mut self, decoder: &mut Decoder, bytes: &[u8]) -> Result<(), DecodeError> {
        match self.wanted.pop() {
            Some(Wanted::Pack(hash)) => decoder.unpack(hash, bytes),
            Some(Wanted::Object { hash, is_text }) => decoder.supply(hash, is_text, bytes),
            None => Ok(()),
        }
    }

    /// The records, whole as soon as nothing is needed.
    pub(crate) fn into_records(self) -> Vec<Record> {
        self.records
    }
}
