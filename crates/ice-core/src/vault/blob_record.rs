//! What is kept of each sealed blob: its key, wrapped, and under which hash its sealed bytes stand.

use std::ops::Range;

use bytes::Bytes;

use crate::seal::{Entropy, NoRandomness, SealingKey, SecretKey, decrypt, encrypt};
use crate::store::{Key, KeyBuilder, StoreError, Version};
use crate::value::BlobHash;

/// The clear bytes of a part, which is sealed by itself so that a range can be opened.
const PART: u64 = 64 << 10;
/// The bytes that sealing adds to a part.
const TAG: u64 = crate::seal::TAG as u64;

/// The key of a blob, and where its sealed bytes are.
#[derive(Debug)]
pub(super) struct Record {
    /// The hash of the clear bytes.
    pub(super) hash: BlobHash,
    /// The hash of the sealed ones.
    pub(super) inner: BlobHash,
    /// How many clear bytes there are.
    pub(super) size: u64,
    key: SecretKey,
}

impl Record {
    /// Where the records of all blobs stand.
    pub(super) fn prefix() -> Key {
        KeyBuilder::root().folder("seal").folder("blob").key()
    }

    /// Where the record of a blob stands.
    pub(super) fn place(hash: &BlobHash) -> Key {
        KeyBuilder::root().folder("seal").folder("blob").leaf(&hash.to_string())
    }

    /// A fresh key for bytes. The hash of the sealed ones is not known yet.
    pub(super) fn new(hash: BlobHash, bytes: &[u8], entropy: &dyn Entropy) -> Result<Self, NoRandomness> {
        Ok(Self { hash, inner: hash, size: bytes.len() as u64, key: SecretKey::generate(entropy)? })
    }

    /// The sealed bytes: the same ones each time.
    pub(super) fn sealed(&self, bytes: &[u8]) -> Bytes {
        let part = usize::try_from(PART).unwrap_or(usize::MAX);
        let parts = bytes.chunks(part).zip(0_u64..);
        let sealed = parts.map(|(part, number)| encrypt(&self.key, &nonce(number), &self.bound(), part));
        Bytes::from(sealed.collect::<Vec<_>>().concat())
    }

    /// How many bytes sealing makes of so many.
    pub(super) const fn sealed_size(size: u64) -> u64 {
        size + size.div_ceil(PART) * TAG
    }

    /// The sealed bytes in which those of a range of clear ones are.
    pub(super) fn range(&self, wanted: &Range<u64>) -> Range<u64> {
        let end = Self::sealed_size(self.size);
        let begin = wanted.start / PART * (PART + TAG);
        begin.min(end)..(wanted.end.div_ceil(PART) * (PART + TAG)).min(end)
    }

    /// The clear bytes of a range, from the sealed ones of [`Self::range`].
    pub(super) fn open(&self, wanted: &Range<u64>, sealed: &[u8]) -> Result<Bytes, StoreError> {
        let damaged = || StoreError::Corrupt { what: format!("the sealed blob {}", self.hash) };
        let part = usize::try_from(PART + TAG).map_err(|_| damaged())?;
        let first = wanted.start / PART;
        let mut clear = Vec::with_capacity(sealed.len());
        for (part, number) in sealed.chunks(part).zip(first..) {
            clear.extend(decrypt(&self.key, &nonce(number), &self.bound(), part).ok_or_else(damaged)?);
        }
        let clear = Bytes::from(clear);
        let offset = |at: u64| usize::try_from(at - first * PART).unwrap_or(usize::MAX);
        let range = offset(wanted.start)..offset(wanted.end);
        if range.end > clear.len() { Err(damaged()) } else { Ok(clear.slice(range)) }
    }

    /// What a part belongs to: this blob of this size.
    fn bound(&self) -> Vec<u8> {
        [&self.hash.as_bytes()[..], &self.size.to_le_bytes()].concat()
    }

    /// The record as it is kept.
    pub(super) fn wrap(&self, master: &SealingKey, entropy: &dyn Entropy) -> Result<Vec<u8>, NoRandomness> {
        let clear = [&self.key.bytes()[..], self.inner.as_bytes(), &self.size.to_le_bytes()].concat();
        master.seal(entropy, Self::place(&self.hash).as_bytes(), &zeroize::Zeroizing::new(clear))
    }

    /// Reads what [`Self::wrap`] made.
    pub(super) fn unwrap(hash: BlobHash, kept: &[u8], master: &SealingKey) -> Result<Self, StoreError> {
        let damaged =
            |why: String| StoreError::Corrupt { what: format!("the key of the sealed blob {hash}: {why}") };
        let clear =
            master.open(Self::place(&hash).as_bytes(), kept).map_err(|error| damaged(error.to_string()))?;
        let clear = zeroize::Zeroizing::new(clear);
        let read = || {
            let (key, rest) = clear.split_first_chunk::<32>()?;
            let (inner, size) = rest.split_first_chunk::<32>()?;
            Some((*key, *inner, u64::from_le_bytes(size.try_into().ok()?)))
        };
        let (mut key, inner, size) = read().ok_or_else(|| damaged("it has another length".to_owned()))?;
        Ok(Self { hash, inner: BlobHash::from_bytes(inner), size, key: SecretKey::from_bytes(&mut key) })
    }
}

/// A record with the version it was read in.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) version: Version,
}

/// The nonce of a part: its number. No other bytes are ever sealed under the key of a blob.
fn nonce(number: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce.iter_mut().zip(number.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
    nonce
}
