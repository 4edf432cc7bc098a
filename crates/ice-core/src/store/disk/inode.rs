//! One file of the simulated disk: what is safe of it, what is not, and what a crash leaves.

/// What the disk writes at once or not at all, in bytes.
const SECTOR: u64 = 512;

#[derive(Debug, Default)]
pub(super) struct Inode {
    pub(super) bytes: Vec<u8>,
    pub(super) safe: Vec<u8>,
    pub(super) unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate(u64),
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => overwrite(to, *offset, bytes),
            Self::Truncate(size) => to.resize(index(*size), 0),
        }
    }
}

pub(super) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn overwrite(bytes: &mut Vec<u8>, offset: u64, new: &[u8]) {
    let (start, end) = (index(offset), index(offset).saturating_add(new.len()));
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(start..end) {
        place.copy_from_slice(new);
    }
}

impl Inode {
    pub(super) fn crash(&mut self, dice: &mut Dice) {
        let mut found = std::mem::take(&mut self.safe);
        // Sometimes nothing is lost, sometimes all, mostly something.
        let lost = match dice.next() % 4 {
            0 => 0,
            1 => 100,
            _ => dice.next() % 101,
        };
        for change in self.unsynced.drain(..) {
            match change {
                Change::Truncate(_) => {
                    if !dice.chance(lost) {
                        change.apply(&mut found);
                    }
                }
                Change::Write { offset, bytes } => {
                    let mut at = offset;
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let room = index(SECTOR - at % SECTOR).min(rest.len());
                        let (sector, others) = rest.split_at(room);
                        if !dice.chance(lost) {
                            overwrite(&mut found, at, sector);
                        }
                        at += room as u64;
                        rest = others;
                    }
                }
            }
        }
        // The size is kept apart from the contents: it may have grown over what was lost.
        if found.len() < self.bytes.len() && dice.chance(30) {
            found.resize(self.bytes.len(), 0);
        }
        self.bytes.clone_from(&found);
        self.safe = found;
    }
}

/// A small generator of random numbers (SplitMix64): the same seed gives the same faults.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}
