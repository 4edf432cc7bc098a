//! A set of rows of a segment.

use super::{Damage, Reading};

/// Which rows of a segment: one bit each, and how many they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    words: Vec<u64>,
    length: usize,
    count: usize,
}

impl Rows {
    /// None of so many rows.
    #[must_use]
    pub fn none(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], length, count: 0 }
    }

    /// All of so many rows.
    #[must_use]
    pub fn all(length: usize) -> Self {
        Self::none(length).complement()
    }

    /// Of how many rows this is a set.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// How many rows are in it.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether a row is in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row; says whether it was not in it yet. A row beyond the length is not added.
    #[inline]
    pub fn insert(&mut self, row: u32) -> bool {
        let bit = 1_u64 << (row % 64);
        match self.words.get_mut(row as usize / 64) {
            Some(word) if (row as usize) < self.length && *word & bit == 0 => {
                *word |= bit;
                self.count += 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The rows of the same length that are not in it.
    #[must_use]
    pub fn complement(mut self) -> Self {
        self.words.iter_mut().for_each(|word| *word = !*word);
        let beyond = self.words.len() * 64 - self.length;
        if let Some(last) = self.words.last_mut() {
            *last &= u64::MAX.checked_shr(u32::try_from(beyond).unwrap_or(64)).unwrap_or(0);
        }
        self.count = self.length - self.count;
        self
    }

    /// The rows in both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
        self.counted()
    }

    /// The rows in either; rows beyond this one's length are left out.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
        self.counted()
    }

    /// The rows of this one that are not in the other.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
        self.counted()
    }

    fn counted(mut self) -> Self {
        self.count = self.words.iter().map(|word| word.count_ones() as usize).sum();
        self
    }

    /// The rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(word, at)| {
            std::iter::successors(Some(*word), |word| Some(word & word.wrapping_sub(1)))
                .take_while(|word| *word != 0)
                .map(move |word| at * 64 + word.trailing_zeros())
        })
    }

    /// As bytes, for a blob.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.words.len() * 8);
        bytes.extend_from_slice(&(self.length as u64).to_le_bytes());
        self.words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let mut reading = Reading::new(bytes);
        let length = reading.u64("a number of rows")?;
        let length = usize::try_from(length).map_err(|_| reading.damage("a number of rows"))?;
        let words = reading.pieces::<8>(length.div_ceil(64), "a set of rows")?;
        reading.end()?;
        let rows =
            Self { words: words.iter().map(|word| u64::from_le_bytes(*word)).collect(), length, count: 0 };
        // Bits beyond the length are nobody's.
        let all = Self::all(length);
        Ok(rows.and(&all))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_rows_is_a_set(length in 0_usize..200, one in proptest::collection::vec(0_u32..220, 0..40), other in proptest::collection::vec(0_u32..220, 0..40)) {
            let set = |rows: &[u32]| rows.iter().copied().filter(|row| (*row as usize) < length).collect::<std::collections::BTreeSet<_>>();
            let rows = |from: &[u32]| {
                let mut rows = Rows::none(length);
                from.iter().for_each(|row| { rows.insert(*row); });
                rows
            };
            let check = |rows: Rows, expected: Vec<u32>| {
                assert_eq!(rows.count(), expected.len());
                assert_eq!(rows.iter().collect::<Vec<_>>(), expected);
                assert_eq!(Rows::decode(&rows.encode()), Ok(rows.clone()));
                (0..220).for_each(|row| assert_eq!(rows.contains(row), expected.contains(&row)));
            };
            let (a, b) = (set(&one), set(&other));
            check(rows(&one), a.iter().copied().collect());
            check(rows(&one).and(&rows(&other)), a.intersection(&b).copied().collect());
            check(rows(&one).or(&rows(&other)), a.union(&b).copied().collect());
            check(rows(&one).without(&rows(&other)), a.difference(&b).copied().collect());
            check(rows(&one).complement(), (0..u32::try_from(length).unwrap()).filter(|row| !a.contains(row)).collect());
        }
    }

    #[test]
    fn bytes_that_are_no_set_are_told() {
        for bytes in [&b"1234567"[..], &[255; 16], &[65, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(Rows::decode(bytes).is_err());
        }
    }
}
