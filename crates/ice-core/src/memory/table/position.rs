//! Where an entry stands in a list: the newest first, in keys that sort by it.

use crate::memory::EntryId;
use crate::time::Moment;

/// Digits whose order is that of their bytes.
const DIGITS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// The bytes as text that sorts as they do: four digits for three bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().chain([0, 0].iter()).take(3).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        for place in 0..=chunk.len() {
            let digit = group >> (18 - 6 * place) & 0x3f;
            text.push(char::from(DIGITS.get(digit as usize).copied().unwrap_or(b'-')));
        }
    }
    text
}

/// The bytes that [`encode`] wrote.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in text.as_bytes().chunks(4) {
        let mut group = 0_u32;
        for digit in chunk {
            group = group << 6 | u32::try_from(DIGITS.binary_search(digit).ok()?).ok()?;
        }
        group <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(group.to_be_bytes().get(1..chunk.len())?);
    }
    Some(bytes)
}

/// The time and the id of an entry, both turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position([u8; Position::BYTES]);

impl Position {
    const BYTES: usize = 24;
    /// Before all others.
    pub(super) const FIRST: Self = Self([0; Self::BYTES]);

    pub(in crate::memory) fn new(time: Moment, id: EntryId) -> Self {
        let mut bytes = [0; Self::BYTES];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&(!biased(time)).to_be_bytes());
        second.copy_from_slice(&id.bytes().map(|byte| !byte));
        Self(bytes)
    }

    /// Before all entries at `time` and earlier ones.
    pub(super) fn at(time: Moment) -> Self {
        Self::new(time, EntryId::from_bytes([0xff; 16]))
    }

    /// Before all entries earlier than `time`.
    pub(super) fn earlier_than(time: Moment) -> Self {
        let mut bytes = [0; Self::BYTES];
        let (first, _) = bytes.split_at_mut(8);
        first.copy_from_slice(&(!biased(time)).saturating_add(1).to_be_bytes());
        Self(bytes)
    }

    pub(super) fn id(&self) -> EntryId {
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(self.0.iter().skip(8)) {
            *to = !from;
        }
        EntryId::from_bytes(id)
    }

    pub(super) fn time(&self) -> Moment {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(&self.0) {
            *to = *from;
        }
        unbiased(!u64::from_be_bytes(bytes))
    }

    /// The next one; none after the last.
    pub(super) fn next(mut self) -> Option<Self> {
        for byte in self.0.iter_mut().rev() {
            let (sum, carries) = byte.overflowing_add(1);
            *byte = sum;
            if !carries {
                return Some(self);
            }
        }
        None
    }

    /// The one before; none before the first.
    pub(super) fn previous(mut self) -> Option<Self> {
        for byte in self.0.iter_mut().rev() {
            let (difference, borrows) = byte.overflowing_sub(1);
            *byte = difference;
            if !borrows {
                return Some(self);
            }
        }
        None
    }

    /// As the last segment of a key: 32 digits.
    pub(in crate::memory) fn text(&self) -> String {
        encode(&self.0)
    }

    pub(in crate::memory) fn parse(text: &str) -> Option<Self> {
        decode(text)?.try_into().ok().map(Self)
    }
}

/// A time as a number that ascends with it.
pub(super) const fn biased(time: Moment) -> u64 {
    (time.as_millis() ^ i64::MIN).cast_unsigned()
}

pub(super) fn unbiased(number: u64) -> Moment {
    Moment::from_millis(number.cast_signed() ^ i64::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_sorts_as_bytes_do_and_is_read_back(one: Vec<u8>, other: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&one)), Some(one.clone()));
            if one.len() == other.len() {
                prop_assert_eq!(encode(&one).cmp(&encode(&other)), one.cmp(&other));
            }
        }

        #[test]
        fn later_entries_come_first(times: [i32; 2], ids: [[u8; 16]; 2]) {
            let [one, other] = [0, 1].map(|at| {
                Position::new(Moment::from_millis(times[at].into()), EntryId::from_bytes(ids[at]))
            });
            prop_assert_eq!(one.cmp(&other), (times[1], ids[1]).cmp(&(times[0], ids[0])));
            prop_assert_eq!(Position::parse(&one.text()), Some(one));
            prop_assert_eq!((one.id().bytes(), one.time().as_millis()), (ids[0], times[0].into()));
            prop_assert_eq!(one.next().and_then(Position::previous), Some(one));
            let time = Moment::from_millis(times[0].into());
            prop_assert!(Position::at(time) <= one && one < Position::earlier_than(time));
        }
    }
}
