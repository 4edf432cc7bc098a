//! The table: what changed lately, in memory. Holds, per key, the newest version in the order of the log
//! and, as long as that is not acknowledged, the ones before it down to what readers may see.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use bytes::Bytes;

use super::block::{IndexEntry, Kept};
use crate::store::Key;
use crate::store::log::Place;

/// What a slot costs beside key and value, roughly, in bytes.
const SLOT_BYTES: usize = 160;

/// Checksums of values of more bytes are made outside of the lock.
pub(crate) const SUM_BYTES: usize = 8 << 10;

/// A value as the table holds it.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The key was removed.
    Gone,
    /// A small value.
    Small(Bytes),
    /// A large value that is still in memory; it stands in the log from this place on.
    Large { at: u64, bytes: Bytes },
    /// A large value in the log.
    Place(Place),
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Self::Gone | Self::Place(_) => 0,
            Self::Small(bytes) | Self::Large { bytes, .. } => bytes.len(),
        }
    }

    /// As the index keeps it; nothing if the key was removed.
    pub(crate) fn kept(&self) -> Option<Kept> {
        match self {
            Self::Gone => None,
            Self::Small(bytes) => Some(Kept::Inline(bytes.clone())),
            Self::Large { at, bytes } => Some(Kept::Place(place(*at, bytes))),
            Self::Place(place) => Some(Kept::Place(*place)),
        }
    }
}

/// The place of a value that stands in the log from `at` on.
pub(crate) fn place(at: u64, bytes: &[u8]) -> Place {
    Place { at, length: u32::try_from(bytes.len()).unwrap_or(u32::MAX), sum: crc32fast::hash(bytes) }
}

impl From<Kept> for Content {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Inline(bytes) => Self::Small(bytes),
            Kept::Place(place) => Self::Place(place),
        }
    }
}

/// One version of a key.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) version: u64,
    /// Whether it may be seen whatever happens to the log: it was committed without a promise.
    pub(crate) at_once: bool,
    pub(crate) content: Content,
}

#[derive(Debug)]
struct Slot {
    head: Cell,
    /// Older versions, newest first, the last one of them visible if there is one.
    older: Vec<Cell>,
    /// The spill that put the head into the index; zero for none.
    spill: u32,
}

impl Slot {
    fn is_clean(&self, spilled: u32) -> bool {
        self.spill != 0 && self.spill <= spilled
    }

    fn bytes(&self, key: &Key) -> usize {
        let cells = std::iter::once(&self.head).chain(&self.older);
        SLOT_BYTES + key.as_bytes().len() + cells.map(|cell| cell.content.bytes()).sum::<usize>()
    }
}

/// A large value in memory: key, version, place in the log, value.
pub(crate) type Large = (Key, u64, u64, Bytes);

/// What the table knows of a key.
#[derive(Clone, Debug)]
pub(crate) enum Known<'a> {
    /// This version is what readers see.
    Cell(&'a Cell),
    /// The table does not know: look into the index.
    Unknown,
    /// There is no such key.
    Absent,
}

/// Recent changes by key.
#[derive(Debug)]
pub(crate) struct Table {
    slots: BTreeMap<Key, Slot>,
    /// Commits up to this one are acknowledged.
    acked: u64,
    /// Whether every key is here, so that none needs to be looked up in the index.
    complete: bool,
    bytes: usize,
    /// The spill that was begun last, and the one that was finished last.
    spill: u32,
    spilled: u32,
    /// Removed keys that are to be forgotten once their removal is acknowledged.
    graves: VecDeque<(u64, Key)>,
}

impl Table {
    pub(crate) fn new(acked: u64, complete: bool) -> Self {
        let (slots, graves) = (BTreeMap::new(), VecDeque::new());
        Self { slots, acked, complete, bytes: 0, spill: 1, spilled: 1, graves }
    }

    /// Its size in memory, roughly, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the index is not needed.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    fn sees(&self, cell: &Cell) -> bool {
        cell.at_once || cell.version <= self.acked
    }

    fn visible<'a>(&self, slot: &'a Slot) -> Option<&'a Cell> {
        if self.sees(&slot.head) {
            return Some(&slot.head);
        }
        slot.older.iter().find(|cell| self.sees(cell))
    }

    fn known<'a>(&'a self, slot: Option<&'a Slot>) -> Known<'a> {
        match slot.and_then(|slot| self.visible(slot)) {
            Some(cell) => Known::Cell(cell),
            None if self.complete => Known::Absent,
            None => Known::Unknown,
        }
    }

    /// What readers see of a key.
    pub(crate) fn read(&self, key: &str) -> Known<'_> {
        self.known(self.slots.get(key))
    }

    /// The newest version of a key in the order of the log, acknowledged or not.
    pub(crate) fn newest(&self, key: &str) -> Known<'_> {
        match self.slots.get(key) {
            Some(slot) => Known::Cell(&slot.head),
            None => self.known(None),
        }
    }

    /// Whether readers see a version of this commit.
    pub(crate) fn is_acked(&self, cell: &Cell) -> bool {
        self.sees(cell)
    }

    /// The keys in a range with what readers see of them.
    pub(crate) fn range<'a>(
        &'a self,
        range: (Bound<&str>, Bound<&str>),
    ) -> impl Iterator<Item = (&'a Key, Known<'a>)> {
        self.slots.range::<str, _>(range).map(|(key, slot)| (key, self.known(Some(slot))))
    }

    /// Adds a version, which is newer than all others of its key or the same again.
    pub(crate) fn push(&mut self, key: Key, cell: Cell) {
        if matches!(cell.content, Content::Gone) && self.complete {
            if cell.at_once {
                self.remove(key.as_str());
                return;
            }
            self.graves.push_back((cell.version, key.clone()));
        }
        let seen = self.sees(&cell);
        self.bytes += cell.content.bytes();
        let acked = self.acked;
        match self.slots.entry(key) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                self.bytes += SLOT_BYTES + vacant.key().as_bytes().len();
                vacant.insert(Slot { head: cell, older: Vec::new(), spill: 0 });
            }
            std::collections::btree_map::Entry::Occupied(occupied) => {
                let slot = occupied.into_mut();
                slot.spill = 0;
                let before = std::mem::replace(&mut slot.head, cell);
                if before.version == slot.head.version {
                    // The same commit writes the key again.
                    self.bytes -= before.content.bytes();
                } else if seen || before.at_once || before.version <= acked {
                    let dropped = slot.older.drain(..);
                    self.bytes -= dropped.map(|cell| cell.content.bytes()).sum::<usize>();
                    if seen {
                        self.bytes -= before.content.bytes();
                    } else {
                        slot.older.push(before);
                    }
                } else {
                    slot.older.insert(0, before);
                }
            }
        }
    }

    /// Adds what the index holds of a key, unless the table knows better; `None` if the index has none.
    pub(crate) fn cache(&mut self, key: &Key, found: Option<(u64, Kept)>) {
        let cell = match found {
            Some((version, kept)) => Cell { version, at_once: true, content: kept.into() },
            None => Cell { version: 0, at_once: true, content: Content::Gone },
        };
        let bytes = cell.content.bytes();
        match self.slots.entry(key.clone()) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                self.bytes += SLOT_BYTES + key.as_bytes().len() + bytes;
                vacant.insert(Slot { head: cell, older: Vec::new(), spill: 1 });
            }
            std::collections::btree_map::Entry::Occupied(occupied) => {
                let slot = occupied.into_mut();
                let sees = |cell: &Cell| cell.at_once || cell.version <= self.acked;
                if !sees(&slot.head) && !slot.older.iter().any(sees) {
                    self.bytes += bytes;
                    slot.older.push(cell);
                }
            }
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some((key, slot)) = self.slots.remove_entry(key) {
            self.bytes -= slot.bytes(&key);
        }
    }

    /// Acknowledges all commits up to `seq`.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        self.acked = self.acked.max(seq);
        while self.graves.front().is_some_and(|(version, _)| *version <= self.acked) {
            let Some((version, key)) = self.graves.pop_front() else { break };
            let is_last =
                |slot: &Slot| slot.head.version == version && matches!(slot.head.content, Content::Gone);
            if self.complete && self.slots.get(&key).is_some_and(is_last) {
                self.remove(key.as_str());
            }
        }
    }

    /// At most `limit` slots after a key, with the key to go on from unless there was no more.
    fn part(&self, after: Option<&Key>, limit: usize) -> (Vec<(&Key, &Slot)>, Option<Key>) {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_str()));
        let part: Vec<_> = self.slots.range::<str, _>((start, Bound::Unbounded)).take(limit).collect();
        let last = part.last().map(|(key, _)| (*key).clone());
        (part, last)
    }

    /// Everything readers see, in a complete table: a part of it.
    pub(crate) fn entries(&self, after: Option<&Key>, limit: usize) -> (Vec<IndexEntry>, Option<Key>) {
        let (part, last) = self.part(after, limit);
        let entry = |(key, slot): (&Key, &Slot)| {
            let cell = self.visible(slot)?;
            Some(IndexEntry { key: key.clone(), version: cell.version, kept: cell.content.kept()? })
        };
        (part.into_iter().filter_map(entry).collect(), last)
    }

    /// To be called before anything is put into the index: from then on a removed key leaves a trace here.
    pub(crate) fn begin_spill(&mut self) {
        self.complete = false;
        self.spill += 1;
    }

    /// What readers see and the index does not hold: a part of it, for the spill that was begun. Large values
    /// that stand before `written` in the log leave memory.
    pub(crate) fn spill(
        &mut self,
        written: u64,
        after: Option<&Key>,
        limit: usize,
    ) -> (Vec<Change>, Option<Key>) {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_str()));
        let (acked, spill, spilled) = (self.acked, self.spill, self.spilled);
        let mut part = Vec::with_capacity(limit);
        let mut last = None;
        for (key, slot) in self.slots.range_mut::<str, _>((start, Bound::Unbounded)).take(limit) {
            last = Some(key);
            if slot.is_clean(spilled) {
                continue;
            }
            let sees = |cell: &Cell| cell.at_once || cell.version <= acked;
            if sees(&slot.head) {
                let dropped = slot.older.drain(..);
                self.bytes -= dropped.map(|cell| cell.content.bytes()).sum::<usize>();
                slot.spill = spill;
                if let Content::Large { at, bytes } = &slot.head.content
                    && *at < written
                {
                    self.bytes -= bytes.len();
                    slot.head.content = Content::Place(place(*at, bytes));
                }
                part.push(change(key, &slot.head));
            } else if let Some(cell) = slot.older.iter().find(|cell| sees(cell)) {
                part.push(change(key, cell));
            }
        }
        (part, last.cloned())
    }

    /// The index holds for good what was spilled.
    pub(crate) fn end_spill(&mut self) {
        self.spilled = self.spill;
    }

    /// Takes nothing for granted any more of what the index holds.
    pub(crate) fn doubt(&mut self) {
        self.spilled = 0;
    }

    /// Drops slots that the index holds and that are older than `keep`, in a part of the keys.
    pub(crate) fn evict(&mut self, keep: u64, after: Option<&Key>, limit: usize) -> Option<Key> {
        let (part, last) = self.part(after, limit);
        drop(part);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let end = last.as_ref().map_or(Bound::Unbounded, Bound::Included);
        let spilled = self.spilled;
        let victims =
            self.slots.extract_if((start, end), |_, slot| slot.is_clean(spilled) && slot.head.version < keep);
        self.bytes -= victims.map(|(key, slot)| slot.bytes(&key)).sum::<usize>();
        last
    }

    /// The versions of some of the keys, evenly drawn, about `count`: to find out which are old.
    pub(crate) fn ages(&self, after: Option<&Key>, limit: usize, count: usize) -> (Vec<u64>, Option<Key>) {
        let step = (self.slots.len() / count.max(1)).clamp(1, limit);
        let (part, last) = self.part(after, limit);
        (part.into_iter().step_by(step).map(|(_, slot)| slot.head.version).collect(), last)
    }

    /// Takes large values out of memory that stand before `written` in the log, in a part of the keys. Those
    /// of more than [`SUM_BYTES`] are returned instead: their checksum takes too long to be made under a lock.
    pub(crate) fn shed(
        &mut self,
        written: u64,
        after: Option<&Key>,
        limit: usize,
    ) -> (Vec<Large>, Option<Key>) {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_str()));
        let mut long = Vec::new();
        let mut last = None;
        for (key, slot) in self.slots.range_mut::<str, _>((start, Bound::Unbounded)).take(limit) {
            last = Some(key);
            if let Content::Large { at, bytes } = &slot.head.content
                && *at < written
            {
                if bytes.len() > SUM_BYTES {
                    long.push((key.clone(), slot.head.version, *at, bytes.clone()));
                } else {
                    self.bytes -= bytes.len();
                    slot.head.content = Content::Place(place(*at, bytes));
                }
            }
        }
        (long, last.cloned())
    }

    /// Takes a large value out of memory, if the key still has that version.
    pub(crate) fn shed_one(&mut self, key: &Key, version: u64, place: Place) {
        if let Some(slot) = self.slots.get_mut(key)
            && slot.head.version == version
            && let Content::Large { at, bytes } = &slot.head.content
            && *at == place.at
        {
            self.bytes -= bytes.len();
            slot.head.content = Content::Place(place);
        }
    }

    /// Whether a key's newest version is this one, at a place, and acknowledged, so that its value may move.
    /// A key that is not here is, if the index said so.
    pub(crate) fn may_move(&self, key: &Key, version: u64) -> bool {
        match self.slots.get(key) {
            Some(slot) => {
                slot.head.version == version
                    && self.sees(&slot.head)
                    && matches!(slot.head.content, Content::Place(_) | Content::Large { .. })
            }
            None => !self.complete,
        }
    }

    /// Notes that a value moved within the log.
    pub(crate) fn moved(&mut self, key: &Key, version: u64, content: Content) {
        self.remove(key.as_str());
        self.push(key.clone(), Cell { version, at_once: true, content });
    }
}

/// What the index must be told for a key to have this version.
fn change(key: &Key, cell: &Cell) -> Change {
    match cell.content.kept() {
        Some(kept) => Change::Put(IndexEntry { key: key.clone(), version: cell.version, kept }),
        None => Change::Delete(key.clone()),
    }
}

/// A change for the index.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The key has this version and value now.
    Put(IndexEntry),
    /// The key is gone.
    Delete(Key),
}

impl Change {
    pub(crate) fn key(&self) -> &Key {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Delete(key) => key,
        }
    }
}
