//! The high-water mark: a second file that says how far the log went, so that a lost tail is noticed.
//!
//! Two slots, 512 bytes apart, are written in turn; the valid one with the higher count holds. Each lies
//! within one sector, so one of the two is always whole.

use std::io;
use std::sync::Arc;

use crate::store::disk::{Disk, DiskFile, FileId, OpenMode};

/// The name of the file.
pub(crate) const MARK: &str = "MARK";

const MAGIC: [u8; 8] = *b"ICEMARK1";
const SLOT_BYTES: u64 = 512;
const LENGTH: usize = 64;

/// What the mark says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MarkState {
    /// The log is synced up to this place.
    pub(crate) synced_place: u64,
    /// The last commit before that place.
    pub(crate) synced_seq: u64,
    /// The last commit that was written, synced or not.
    pub(crate) written_seq: u64,
    /// Commit numbers up to this one may have been given out.
    pub(crate) reserved: u64,
}

/// The open mark.
#[derive(Debug)]
pub(crate) struct Mark {
    file: Arc<dyn DiskFile>,
    count: u64,
    state: MarkState,
}

/// What was found of the mark when opening.
#[derive(Debug)]
pub(crate) enum FoundMark {
    /// There is no such file.
    Missing,
    /// There is one, but neither slot is valid.
    Damaged,
    /// It says this.
    Found(Mark),
}

impl Mark {
    /// Creates the file.
    pub(crate) fn create(disk: &dyn Disk) -> io::Result<Self> {
        let file = disk.open(MARK, OpenMode::Create)?;
        Ok(Self { file, count: 0, state: MarkState::default() })
    }

    /// Reads the file.
    pub(crate) fn find(disk: &dyn Disk) -> io::Result<FoundMark> {
        let file = match disk.open(MARK, OpenMode::Write) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FoundMark::Missing),
            Err(error) => return Err(error),
        };
        let mut best = None;
        for slot in 0..2 {
            let mut bytes = [0; LENGTH];
            file.read_at(slot * SLOT_BYTES, &mut bytes)?;
            best = best.max(decode(&bytes));
        }
        Ok(match best {
            Some((count, synced_place, synced_seq, written_seq, reserved)) => {
                let state = MarkState { synced_place, synced_seq, written_seq, reserved };
                FoundMark::Found(Self { file, count, state })
            }
            None => FoundMark::Damaged,
        })
    }

    /// What it says.
    pub(crate) fn state(&self) -> MarkState {
        self.state
    }

    /// Writes a new state without syncing it.
    pub(crate) fn write(&mut self, state: MarkState) -> io::Result<()> {
        self.count += 1;
        self.state = state;
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&MAGIC);
        let numbers = [self.count, state.synced_place, state.synced_seq, state.written_seq, state.reserved];
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.resize(LENGTH - 4, 0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.file.write_at(self.count % 2 * SLOT_BYTES, &[&bytes])
    }

    /// Which file it is.
    pub(crate) fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }

    /// Makes what was written safe.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

fn decode(bytes: &[u8; LENGTH]) -> Option<(u64, u64, u64, u64, u64)> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    let (magic, numbers) = body.split_first_chunk::<8>()?;
    if *magic != MAGIC || crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut words = numbers.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    Some((words.next()?, words.next()?, words.next()?, words.next()?, words.next()?))
}
