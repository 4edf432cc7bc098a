//! Blocks: sorted entries of the index, packed with a checksum. The index and the checkpoints are made of
//! them.
//!
//! A block is a CRC-32 over the rest (4), the length of the first key behind the block (2) and that key
//! (empty: there is none), then its entries: the bytes a key shares with the one before (2), the length of
//! its rest (2), the version (8), a tag (1), the rest of the key, and for tag 0 a length (4) and the value,
//! for tag 1 a place (8), a length (4) and a checksum (4).

use bytes::Bytes;

use crate::store::Key;
use crate::store::log::Place;

const INLINE: u8 = 0;
const PLACE: u8 = 1;

/// How an entry holds its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Here.
    Inline(Bytes),
    /// In the log.
    Place(Place),
}

/// A key with its version and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) key: Key,
    pub(crate) version: u64,
    pub(crate) kept: Kept,
}

/// Bytes that are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DamagedBlock;

/// A block, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The first key that lies behind the block; empty for the last block.
    pub(crate) upper: String,
    /// The entries in the order of their keys.
    pub(crate) entries: Vec<IndexEntry>,
}

/// Packs entries.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    bytes: Vec<u8>,
    last: String,
}

impl BlockWriter {
    /// A block that ends before `upper`.
    pub(crate) fn new(upper: &str) -> Self {
        let mut bytes = vec![0; 4];
        // A key has at most 512 bytes.
        bytes.extend_from_slice(&u16::try_from(upper.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(upper.as_bytes());
        Self { bytes, last: String::new() }
    }

    /// Adds an entry, whose key must be greater than the ones before.
    pub(crate) fn add(&mut self, entry: &IndexEntry) {
        let key = entry.key.as_str();
        let same = key.bytes().zip(self.last.bytes()).take_while(|(a, b)| a == b).count();
        let shared = (0..=same).rev().find(|at| key.is_char_boundary(*at)).unwrap_or(0);
        let rest = key.get(shared..).unwrap_or_default();
        self.bytes.extend_from_slice(&u16::try_from(shared).unwrap_or(u16::MAX).to_le_bytes());
        self.bytes.extend_from_slice(&u16::try_from(rest.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.bytes.extend_from_slice(&entry.version.to_le_bytes());
        self.bytes.push(match &entry.kept {
            Kept::Inline(_) => INLINE,
            Kept::Place(_) => PLACE,
        });
        self.bytes.extend_from_slice(rest.as_bytes());
        match &entry.kept {
            Kept::Inline(value) => {
                self.bytes.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
                self.bytes.extend_from_slice(value);
            }
            Kept::Place(place) => {
                self.bytes.extend_from_slice(&place.at.to_le_bytes());
                self.bytes.extend_from_slice(&place.length.to_le_bytes());
                self.bytes.extend_from_slice(&place.sum.to_le_bytes());
            }
        }
        key.clone_into(&mut self.last);
    }

    /// The size so far, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The block.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let sum = crc32fast::hash(self.bytes.get(4..).unwrap_or_default()).to_le_bytes();
        for (slot, byte) in self.bytes.iter_mut().zip(sum) {
            *slot = byte;
        }
        self.bytes
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DamagedBlock> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DamagedBlock)?;
        self.0 = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DamagedBlock> {
        self.take(N)?.try_into().map_err(|_| DamagedBlock)
    }

    fn short(&mut self) -> Result<usize, DamagedBlock> {
        Ok(usize::from(u16::from_le_bytes(self.fixed()?)))
    }

    fn text(&mut self, count: usize) -> Result<&'a str, DamagedBlock> {
        std::str::from_utf8(self.take(count)?).map_err(|_| DamagedBlock)
    }
}

/// Checks a block; what is left are its upper key and its entries.
fn open(bytes: &[u8]) -> Result<(&str, Cursor<'_>), DamagedBlock> {
    let mut cursor = Cursor(bytes);
    let sum = u32::from_le_bytes(cursor.fixed()?);
    if crc32fast::hash(cursor.0) != sum {
        return Err(DamagedBlock);
    }
    let length = cursor.short()?;
    Ok((cursor.text(length)?, cursor))
}

/// Reads one entry; `key` holds the key of the one before and gets this one's.
fn entry(cursor: &mut Cursor<'_>, key: &mut String) -> Result<(u64, Kept), DamagedBlock> {
    let (shared, rest) = (cursor.short()?, cursor.short()?);
    let version = u64::from_le_bytes(cursor.fixed()?);
    let [tag] = cursor.fixed()?;
    if !key.is_char_boundary(shared) {
        return Err(DamagedBlock);
    }
    key.truncate(shared);
    key.push_str(cursor.text(rest)?);
    Ok((
        version,
        match kept(cursor, tag)? {
            Raw::Inline(value) => Kept::Inline(Bytes::copy_from_slice(value)),
            Raw::Place(place) => Kept::Place(place),
        },
    ))
}

/// How an entry holds its value, not copied yet.
enum Raw<'a> {
    Inline(&'a [u8]),
    Place(Place),
}

fn kept<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Result<Raw<'a>, DamagedBlock> {
    match tag {
        INLINE => {
            let length = u32::from_le_bytes(cursor.fixed()?);
            Ok(Raw::Inline(cursor.take(usize::try_from(length).map_err(|_| DamagedBlock)?)?))
        }
        PLACE => Ok(Raw::Place(Place {
            at: u64::from_le_bytes(cursor.fixed()?),
            length: u32::from_le_bytes(cursor.fixed()?),
            sum: u32::from_le_bytes(cursor.fixed()?),
        })),
        _ => Err(DamagedBlock),
    }
}

/// Unpacks a block whole.
pub(crate) fn decode(bytes: &[u8]) -> Result<Block, DamagedBlock> {
    let (upper, mut cursor) = open(bytes)?;
    let mut entries = Vec::new();
    let mut key = String::new();
    while !cursor.0.is_empty() {
        let (version, kept) = entry(&mut cursor, &mut key)?;
        entries.push(IndexEntry { key: Key::new(&key).map_err(|_| DamagedBlock)?, version, kept });
    }
    Ok(Block { upper: upper.to_owned(), entries })
}

/// Checks a block and looks at the places in it; `take` gets each with its version. Returns its upper key and how many entries
/// there are. Far cheaper than [`decode`].
pub(crate) fn places(bytes: &[u8], mut take: impl FnMut(u64, &Place)) -> Result<(&str, u64), DamagedBlock> {
    let (upper, mut cursor) = open(bytes)?;
    let mut entries = 0;
    while !cursor.0.is_empty() {
        let (_, rest) = (cursor.short()?, cursor.short()?);
        let version = u64::from_le_bytes(cursor.fixed()?);
        let [tag] = cursor.fixed()?;
        cursor.take(rest)?;
        match kept(&mut cursor, tag)? {
            Raw::Inline(_) => {}
            Raw::Place(place) => take(version, &place),
        }
        entries += 1;
    }
    Ok((upper, entries))
}

/// Finds one key in a block. A key that does not lie before the block's upper key means that a block is
/// missing.
pub(crate) fn find(bytes: &[u8], wanted: &str) -> Result<Option<(u64, Kept)>, DamagedBlock> {
    let (upper, mut cursor) = open(bytes)?;
    if !upper.is_empty() && wanted >= upper {
        return Err(DamagedBlock);
    }
    let mut key = String::new();
    while !cursor.0.is_empty() {
        let (version, kept) = entry(&mut cursor, &mut key)?;
        match key.as_str().cmp(wanted) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Ok(Some((version, kept))),
            std::cmp::Ordering::Greater => return Ok(None),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn kept() -> impl Strategy<Value = Kept> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|value| Kept::Inline(value.into())),
            (any::<u64>(), any::<u32>(), any::<u32>()).prop_map(|(at, length, sum)| Kept::Place(Place {
                at,
                length,
                sum
            })),
        ]
    }

    proptest! {
        #[test]
        fn blocks_are_read_as_they_were_written(
            entries in prop::collection::btree_map("[a-c][a-cäß/]{0,12}", (any::<u64>(), kept()), 0..20),
            upper in "[d-f]{0,4}",
            flip in any::<prop::sample::Index>(),
        ) {
            let entries: BTreeMap<String, (u64, Kept)> = entries;
            let list: Vec<IndexEntry> = entries
                .iter()
                .map(|(key, (version, kept))| IndexEntry {
                    key: Key::new(key).unwrap(),
                    version: *version,
                    kept: kept.clone(),
                })
                .collect();
            let mut writer = BlockWriter::new(&upper);
            list.iter().for_each(|entry| writer.add(entry));
            let mut bytes = writer.finish();
            for entry in &list {
                let found = find(&bytes, entry.key.as_str()).unwrap();
                prop_assert_eq!(found, entries.get(entry.key.as_str()).cloned());
            }
            prop_assert_eq!(find(&bytes, "a0"), Ok(None));
            let mut found = Vec::new();
            let seen = places(&bytes, |version, place| found.push((version, Kept::Place(*place))));
            prop_assert_eq!(seen, Ok((upper.as_str(), list.len() as u64)));
            let expected = list.iter().filter(|entry| matches!(entry.kept, Kept::Place(_)));
            prop_assert!(found.into_iter().eq(expected.map(|entry| (entry.version, entry.kept.clone()))));
            if !upper.is_empty() {
                prop_assert_eq!(find(&bytes, &upper), Err(DamagedBlock));
            }
            prop_assert_eq!(decode(&bytes), Ok(Block { upper, entries: list }));
            let at = flip.index(bytes.len());
            bytes[at] ^= 4;
            prop_assert_eq!(decode(&bytes), Err(DamagedBlock));
        }

        #[test]
        fn reading_any_bytes_ends(mut bytes in prop::collection::vec(any::<u8>(), 4..200)) {
            let sum = crc32fast::hash(&bytes[4..]).to_le_bytes();
            bytes[..4].copy_from_slice(&sum);
            let _ = (decode(&bytes).is_ok(), find(&bytes, "x").is_ok(), places(&bytes, |_, _| {}).is_ok());
        }
    }
}
