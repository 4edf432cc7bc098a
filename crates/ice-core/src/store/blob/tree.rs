//! The hash tree of a blob, one level of it: lets a range be checked without reading the whole.
//!
//! BLAKE3 hashes a tree. The chaining values of all parts of 64 KiB give the hash of the whole, so a list of
//! them can be checked against the hash, and a part against its entry in the list.

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::value::BlobHash;

/// The bytes of a part.
pub const PART: u64 = 64 << 10;

/// How many parts a blob of this size has whose chaining values are kept. A blob of one part needs none: its
/// hash is that of the part.
#[must_use]
pub const fn parts(size: u64) -> u64 {
    if size <= PART { 0 } else { size.div_ceil(PART) }
}

/// The chaining value of the part that begins at `offset`.
#[must_use]
pub fn part_value(offset: u64, bytes: &[u8]) -> ChainingValue {
    blake3::Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root()
}

/// The chaining values of a blob's parts.
#[must_use]
pub fn values(bytes: &[u8]) -> Vec<ChainingValue> {
    if parts(bytes.len() as u64) == 0 {
        return Vec::new();
    }
    let part = usize::try_from(PART).unwrap_or(usize::MAX);
    bytes.chunks(part).zip(0_u64..).map(|(chunk, index)| part_value(index * PART, chunk)).collect()
}

/// The hash of the blob whose parts have these chaining values; nothing if there are fewer than two.
#[must_use]
pub fn root(values: &[ChainingValue]) -> Option<BlobHash> {
    let (left, right) = divide(values)?;
    let hash = merge_subtrees_root(&subtree(left)?, &subtree(right)?, Mode::Hash);
    Some(BlobHash::from_bytes(*hash.as_bytes()))
}

fn subtree(values: &[ChainingValue]) -> Option<ChainingValue> {
    match values {
        [one] => Some(*one),
        more => {
            let (left, right) = divide(more)?;
            Some(merge_subtrees_non_root(&subtree(left)?, &subtree(right)?, Mode::Hash))
        }
    }
}

/// Divides parts as the tree does: the left side is the largest power of two that leaves something right.
fn divide(values: &[ChainingValue]) -> Option<(&[ChainingValue], &[ChainingValue])> {
    if values.len() < 2 {
        return None;
    }
    let left = left_subtree_len(values.len() as u64 * PART) / PART;
    values.split_at_checked(usize::try_from(left).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_give_the_hash_of_the_whole() {
        let part = usize::try_from(PART).unwrap();
        for size in [part + 1, 2 * part, 2 * part + 1, 3 * part, 5 * part - 7, 8 * part, 17 * part + 3] {
            let bytes: Vec<u8> = (0..size).map(|index| u8::try_from(index % 253).unwrap()).collect();
            let values = values(&bytes);
            assert_eq!(values.len() as u64, parts(size as u64));
            assert_eq!(root(&values), Some(BlobHash::of(&bytes)), "{size}");
        }
        assert_eq!((parts(0), parts(PART), root(&[])), (0, 0, None));
    }
}
