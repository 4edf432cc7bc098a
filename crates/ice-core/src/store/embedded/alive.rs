//! What is alive in each segment of the log: how much, how far, and of which commits.

use super::block::{IndexEntry, Kept};
use crate::store::log::Place;

/// Bytes of a [`Living`].
pub(super) const LENGTH: usize = 40;

/// What a checkpoint needs of a segment that begins before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Living {
    /// The beginning of the segment.
    pub(crate) start: u64,
    /// The place behind the last value that is alive.
    pub(crate) reach: u64,
    /// The oldest and the newest version of a value that is alive.
    pub(crate) oldest: u64,
    pub(crate) newest: u64,
    /// How many values are alive.
    pub(crate) values: u64,
}

impl Living {
    fn encode(&self, to: &mut Vec<u8>) {
        for number in [self.start, self.reach, self.oldest, self.newest, self.values] {
            to.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8; LENGTH]) -> Option<Self> {
        let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        Some(Self {
            start: words.next()?,
            reach: words.next()?,
            oldest: words.next()?,
            newest: words.next()?,
            values: words.next()?,
        })
    }
}

/// The bytes of a list.
pub(super) fn encode(living: &[Living]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(living.len() * LENGTH);
    living.iter().for_each(|living| living.encode(&mut bytes));
    bytes
}

/// A list from its bytes; nothing if they are none.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Living>> {
    let (parts, rest) = bytes.as_chunks::<LENGTH>();
    if rest.is_empty() { parts.iter().map(Living::decode).collect() } else { None }
}

/// What is alive in the segments before a place.
#[derive(Debug)]
pub(crate) struct Alive {
    before: u64,
    /// The segments in order, and the bytes alive in each.
    segments: Vec<(Living, u64)>,
}

impl Alive {
    /// Nothing is alive yet in the segments that begin at `starts`, which ascend. What stands at `before` or behind
    /// it does not count.
    pub(crate) fn new(starts: impl IntoIterator<Item = u64>, before: u64) -> Self {
        let none = |start| (Living { start, reach: start, oldest: u64::MAX, newest: 0, values: 0 }, 0);
        Self { before, segments: starts.into_iter().map(none).collect() }
    }

    /// Counts a value that was written with this version.
    pub(crate) fn count(&mut self, version: u64, place: &Place) {
        if place.at >= self.before {
            return;
        }
        let after = self.segments.partition_point(|(living, _)| living.start <= place.at);
        let Some(index) = after.checked_sub(1) else { return };
        let end = self.segments.get(after).map_or(self.before, |(next, _)| next.start);
        let Some((living, bytes)) = self.segments.get_mut(index) else { return };
        *bytes += u64::from(place.length);
        living.reach = living.reach.max(place.at.saturating_add(u64::from(place.length)).min(end));
        living.oldest = living.oldest.min(version);
        living.newest = living.newest.max(version);
        living.values += 1;
    }

    /// Counts an entry's value, if it is in the log.
    pub(crate) fn count_entry(&mut self, entry: &IndexEntry) {
        match &entry.kept {
            Kept::Inline(_) => {}
            Kept::Place(place) => self.count(entry.version, place),
        }
    }

    /// The bytes alive in the segment that begins at `start`.
    pub(crate) fn in_segment(&self, start: u64) -> u64 {
        let found = self.segments.binary_search_by_key(&start, |(living, _)| living.start);
        found.ok().and_then(|index| self.segments.get(index)).map_or(0, |(_, bytes)| *bytes)
    }

    /// The segments in which something is alive.
    pub(super) fn living(&self) -> Vec<Living> {
        self.segments.iter().map(|(living, _)| *living).filter(|living| living.values > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alive_is_told_by_segment() {
        let mut alive = Alive::new([0, 1_000, 2_000], 2_500);
        let mut count = |version, at, length| alive.count(version, &Place { at, length, sum: 0 });
        count(7, 100, 50);
        count(3, 400, 20);
        count(9, 2_100, 10);
        // What lies behind the place that is asked for does not count.
        count(12, 2_500, 10);
        assert_eq!((alive.in_segment(0), alive.in_segment(1_000), alive.in_segment(2_000)), (70, 0, 10));
        let living = alive.living();
        let expected = [
            Living { start: 0, reach: 420, oldest: 3, newest: 7, values: 2 },
            Living { start: 2_000, reach: 2_110, oldest: 9, newest: 9, values: 1 },
        ];
        assert_eq!(living, expected);
        assert_eq!(decode(&encode(&living)), Some(living));
        assert_eq!(decode(&[0; 39]), None);
    }
}
