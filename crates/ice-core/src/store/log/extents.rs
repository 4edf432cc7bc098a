//! How far each segment of the log goes, to tell whether what must be there is.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::segment::{FOLDER, SEGMENT_HEADER, path, start_of};
use crate::store::StoreError;
use crate::store::disk::{Disk, OpenMode};

/// The beginnings of the segments that are on the disk, and the places at which they end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extents(BTreeMap<u64, u64>);

impl Extents {
    /// Looks at the disk.
    pub(crate) fn find(disk: &dyn Disk) -> Result<Self, StoreError> {
        let find = || {
            let mut found = BTreeMap::new();
            for start in disk.list(FOLDER)?.iter().filter_map(|name| start_of(name)) {
                let size = disk.open(&path(start), OpenMode::Read)?.size()?;
                found.insert(start, start.saturating_add(size.saturating_sub(SEGMENT_HEADER as u64)));
            }
            Ok(Self(found))
        };
        find().map_err(|source: io::Error| StoreError::Unavailable {
            what: "looking at the segments of the log".to_owned(),
            source: Some(Arc::new(source)),
        })
    }

    /// The beginnings of the segments, in order.
    pub(crate) fn starts(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }

    /// Where the segment that begins at `start` ends, if it is there.
    pub(crate) fn end(&self, start: u64) -> Option<u64> {
        self.0.get(&start).copied()
    }

    /// Whether one segment holds everything from a place on, `length` bytes long.
    pub(crate) fn hold(&self, place: u64, length: u64) -> bool {
        let holding = self.0.range(..=place).next_back();
        holding.is_some_and(|(_, end)| place.saturating_add(length) <= *end)
    }

    /// Whether the segments hold the log from `from` up to `to` without a gap.
    pub(crate) fn join(&self, from: u64, to: u64) -> bool {
        let begin = self.0.range(..=from).next_back().map_or(from, |(start, _)| *start);
        let mut reached = from;
        for (index, (start, end)) in self.0.range(begin..).enumerate() {
            if reached >= to {
                break;
            }
            if *start > from && *start != reached {
                return false;
            }
            reached = if index == 0 && *end < from { return false } else { *end };
        }
        reached >= to
    }
}

/// How a segment is called in messages.
pub(crate) fn name(start: u64) -> String {
    path(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_between_segments_are_noticed() {
        let extents = |list: &[(u64, u64)]| Extents(list.iter().copied().collect());
        let whole = extents(&[(100, 200), (200, 300), (300, 300)]);
        for (from, to) in [(100, 300), (150, 250), (200, 200), (200, 300), (300, 300), (250, 300)] {
            assert!(whole.join(from, to), "{from} to {to}");
        }
        for (from, to) in [(50, 300), (100, 301), (300, 301)] {
            assert!(!whole.join(from, to), "{from} to {to}");
        }
        assert!(!extents(&[]).join(0, 1) && extents(&[]).join(5, 5));
        assert!(!extents(&[(100, 190), (200, 300)]).join(100, 300));
        // Where the part that is asked for begins with a segment, the one before does not matter.
        assert!(extents(&[(100, 190), (200, 300)]).join(200, 300));
        assert!(!extents(&[(100, 190), (250, 300)]).join(200, 300));
        assert!(whole.hold(100, 100) && whole.hold(299, 1));
        assert!(!whole.hold(150, 51) && !whole.hold(99, 1) && !whole.hold(300, 1));
    }
}
