//! Checkpoints: everything that is alive, in a file of blocks, so that the log before it is not needed.
//!
//! A checkpoint begins with 48 bytes: `ICECKPT1`, the place in the log from which on commits must be
//! replayed (8), the last commit before that place (8), the chain value there (16), whether a list of segments
//! follows (4), and a CRC-32 (4). Then blocks, each with
//! its length (4) before it; a length of zero ends them. Then the count of the entries (8), the CRC-32 of all
//! lengths and blocks (4), and `ICEDONE1`. At the very end stands the list of the segments before the place that
//! hold values which are alive (40 each, see [`Living`]), their count (4), and a CRC-32 of list and count (4). It
//! is written under another name and renamed when it is whole.

use std::io;
use std::sync::Arc;

use super::alive::{self, Alive, Living};
use super::block::{self, BlockWriter, IndexEntry};
use crate::store::StoreError;
use crate::store::disk::{Disk, DiskFile, OpenMode};
use crate::store::log::End;

/// The folder of the checkpoints.
pub(crate) const FOLDER: &str = "checkpoint";

const HEADER: usize = 48;
const MAGIC: [u8; 8] = *b"ICECKPT1";
const DONE: [u8; 8] = *b"ICEDONE1";
const TAIL: usize = 24;
/// Says that the list of segments follows. Earlier versions wrote zeros instead, and no list.
const LISTED: [u8; 4] = 1_u32.to_le_bytes();
/// Bytes behind the list of segments.
const LIST_TAIL: usize = 8;
const BLOCK_BYTES: usize = 16 << 10;
const BUFFER_BYTES: usize = 256 << 10;
/// A checkpoint is synced each time so many bytes were added: one sync of all of it would hold up those of the log.
const SYNC_BYTES: u64 = 1 << 20;
/// A block is far smaller; a greater length is damage.
const MAX_BLOCK: usize = 64 << 20;

/// A whole checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The end of the log that it covers: commits from there on must be replayed.
    pub(crate) end: End,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The segments before `end` that it needs, and how much of each. Empty if it is of an earlier version.
    pub(crate) relies_on: Vec<Living>,
}

fn path(place: u64) -> String {
    format!("{FOLDER}/{place:016x}.ckpt")
}

fn place_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".ckpt")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Writes a checkpoint, entry by entry.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    temporary: String,
    end: End,
    block: BlockWriter,
    buffer: Vec<u8>,
    written: u64,
    synced: u64,
    entries: u64,
    in_block: bool,
    crc: crc32fast::Hasher,
}

impl CheckpointWriter {
    /// Begins a checkpoint that covers all commits up to an end of the log.
    pub(crate) fn create(disk: Arc<dyn Disk>, end: End) -> io::Result<Self> {
        disk.create_folder(FOLDER)?;
        let temporary = format!("{FOLDER}/{:016x}.tmp", end.place);
        match disk.remove(&temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = disk.open(&temporary, OpenMode::Create)?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&end.encode());
        buffer.extend_from_slice(&LISTED);
        buffer.extend_from_slice(&crc32fast::hash(&buffer).to_le_bytes());
        Ok(Self {
            disk,
            file,
            temporary,
            end,
            block: BlockWriter::new(""),
            buffer,
            written: 0,
            synced: 0,
            entries: 0,
            in_block: false,
            crc: crc32fast::Hasher::new(),
        })
    }

    /// Adds an entry, whose key must be greater than the ones before.
    pub(crate) fn add(&mut self, entry: &IndexEntry) -> io::Result<()> {
        self.block.add(entry);
        self.entries += 1;
        self.in_block = true;
        if self.block.size() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, BlockWriter::new("")).finish();
        self.in_block = false;
        self.write_block(&block)
    }

    /// Adds a block as the index has it, with so many entries, whose keys must be greater than the ones
    /// before. Not to be mixed with [`CheckpointWriter::add`].
    pub(crate) fn add_block(&mut self, block: &[u8], entries: u64) -> io::Result<()> {
        self.entries += entries;
        self.write_block(block)
    }

    fn write_block(&mut self, block: &[u8]) -> io::Result<()> {
        let length = u32::try_from(block.len()).map_err(io::Error::other)?.to_le_bytes();
        for part in [length.as_slice(), block] {
            self.crc.update(part);
            self.buffer.extend_from_slice(part);
        }
        if self.buffer.len() >= BUFFER_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_at(self.written, &[&self.buffer])?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        if self.written - self.synced >= SYNC_BYTES {
            self.file.sync()?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// Makes the checkpoint whole and durable. From then on it is the one. What is `alive` is what it relies on.
    pub(crate) fn finish(mut self, alive: &Alive) -> io::Result<Checkpoint> {
        if self.in_block {
            self.end_block()?;
        }
        self.buffer.extend_from_slice(&[0; 4]);
        self.buffer.extend_from_slice(&self.entries.to_le_bytes());
        self.buffer.extend_from_slice(&self.crc.clone().finalize().to_le_bytes());
        self.buffer.extend_from_slice(&DONE);
        let relies_on = alive.living();
        let mut list = alive::encode(&relies_on);
        list.extend_from_slice(&u32::try_from(relies_on.len()).map_err(io::Error::other)?.to_le_bytes());
        list.extend_from_slice(&crc32fast::hash(&list).to_le_bytes());
        self.buffer.append(&mut list);
        self.write()?;
        self.file.sync()?;
        self.disk.rename(&self.temporary, &path(self.end.place))?;
        self.disk.sync_folder(FOLDER)?;
        Ok(Checkpoint { end: self.end, size: self.written, relies_on })
    }
}

fn damaged(place: u64, what: &str) -> StoreError {
    StoreError::Corrupt { what: format!("the checkpoint {} {what}", path(place)) }
}

fn unreadable(place: u64, source: io::Error) -> StoreError {
    StoreError::Unavailable { what: format!("reading {}", path(place)), source: Some(Arc::new(source)) }
}

/// The newest checkpoint. One that was not finished does not count.
pub(crate) fn newest(disk: &dyn Disk) -> Result<Option<Checkpoint>, StoreError> {
    let names = disk.list(FOLDER).map_err(|source| StoreError::Unavailable {
        what: "listing the checkpoints".to_owned(),
        source: Some(Arc::new(source)),
    })?;
    let Some(place) = names.iter().filter_map(|name| place_of(name)).max() else { return Ok(None) };
    let file = disk.open(&path(place), OpenMode::Read).map_err(|source| unreadable(place, source))?;
    let mut header = [0; HEADER];
    let read = file.read_at(0, &mut header).map_err(|source| unreadable(place, source))?;
    let size = file.size().map_err(|source| unreadable(place, source))?;
    let decoded = (read == HEADER).then(|| decode(&header, place)).flatten();
    let (end, listed) = decoded.ok_or_else(|| damaged(place, "has no valid header"))?;
    let relies_on = if listed {
        let list = read_list(&*file, size).map_err(|source| unreadable(place, source))?;
        list.ok_or_else(|| damaged(place, "has no valid list of segments"))?
    } else {
        Vec::new()
    };
    Ok(Some(Checkpoint { end, size, relies_on }))
}

/// What a header says: the end of the log, and whether the list of segments follows.
fn decode(header: &[u8; HEADER], expected: u64) -> Option<(End, bool)> {
    let (body, sum) = header.split_last_chunk::<4>()?;
    let (end, listed) = body.strip_prefix(&MAGIC)?.split_first_chunk()?;
    let end = End::decode(end);
    let valid = crc32fast::hash(body) == u32::from_le_bytes(*sum) && end.place == expected;
    valid.then_some((end, listed == LISTED))
}

/// Reads the list of segments at the end of a file; nothing if it is damaged.
fn read_list(file: &dyn DiskFile, size: u64) -> io::Result<Option<Vec<Living>>> {
    let last = |count: usize| -> io::Result<Option<Vec<u8>>> {
        let Some(at) = size.checked_sub(count as u64) else { return Ok(None) };
        let mut bytes = vec![0; count];
        let read = file.read_at(at, &mut bytes)?;
        Ok((read == count).then_some(bytes))
    };
    let Some(tail) = last(LIST_TAIL)? else { return Ok(None) };
    let Some(count) = tail.first_chunk().map(|count| u32::from_le_bytes(*count) as usize) else {
        return Ok(None);
    };
    let length = count.saturating_mul(alive::LENGTH);
    // So that a count that is damaged takes no memory.
    if length as u64 > size {
        return Ok(None);
    }
    let Some(bytes) = last(length + LIST_TAIL)? else { return Ok(None) };
    let list = || {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let valid = crc32fast::hash(body) == u32::from_le_bytes(*sum);
        valid.then(|| alive::decode(body.get(..length)?)).flatten()
    };
    Ok(list())
}

/// Removes all checkpoints but one.
pub(crate) fn remove_others(disk: &dyn Disk, keep: u64) -> io::Result<()> {
    for name in disk.list(FOLDER)? {
        if place_of(&name) != Some(keep) {
            disk.remove(&format!("{FOLDER}/{name}"))?;
        }
    }
    Ok(())
}

impl Checkpoint {
    /// Reads all entries in order, block by block. Everything is checked; what was taken before an error
    /// must not be used.
    pub(crate) fn read(
        &self,
        disk: &dyn Disk,
        mut take: impl FnMut(Vec<IndexEntry>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = |source| unreadable(self.end.place, source);
        let damaged = || damaged(self.end.place, "is damaged");
        let file = disk.open(&path(self.end.place), OpenMode::Read).map_err(failed)?;
        let mut reader = Buffered { file: &*file, at: HEADER as u64, buffer: Vec::new(), used: 0 };
        let mut crc = crc32fast::Hasher::new();
        let mut entries = 0_u64;
        loop {
            let length: [u8; 4] = reader
                .take(4)
                .map_err(failed)?
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(damaged)?;
            let size = u32::from_le_bytes(length) as usize;
            if size == 0 {
                break;
            }
            if size > MAX_BLOCK {
                return Err(damaged());
            }
            crc.update(&length);
            let bytes = reader.take(size).map_err(failed)?.ok_or_else(damaged)?;
            crc.update(bytes);
            let block = block::decode(bytes).map_err(|_| damaged())?;
            entries += block.entries.len() as u64;
            take(block.entries)?;
        }
        let tail = reader.take(TAIL - 4).map_err(failed)?.ok_or_else(damaged)?;
        let mut expected = entries.to_le_bytes().to_vec();
        expected.extend_from_slice(&crc.finalize().to_le_bytes());
        expected.extend_from_slice(&DONE);
        if tail == expected { Ok(()) } else { Err(damaged()) }
    }
}

/// Reads a file forward in large pieces.
struct Buffered<'a> {
    file: &'a dyn DiskFile,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Buffered<'_> {
    /// The next bytes; nothing if the file ends before.
    fn take(&mut self, count: usize) -> io::Result<Option<&[u8]>> {
        if self.buffer.len() - self.used < count {
            self.buffer.drain(..self.used);
            self.used = 0;
            let have = self.buffer.len();
            self.buffer.resize(count.max(BUFFER_BYTES), 0);
            let free = self.buffer.get_mut(have..).unwrap_or_default();
            let read = self.file.read_at(self.at, free)?;
            self.buffer.truncate(have + read);
            self.at += read as u64;
        }
        let taken = self.used..self.used + count;
        let found = self.buffer.get(taken.clone());
        if found.is_some() {
            self.used = taken.end;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Key;
    use crate::store::disk::SimDisk;
    use crate::store::embedded::block::Kept;
    use crate::store::log::Place;

    const END: End = End { place: 77, seq: 5, chain: [3; 16] };

    fn entry(number: u64) -> IndexEntry {
        let kept = Kept::Inline(vec![3; usize::try_from(number % 300).unwrap()].into());
        IndexEntry { key: Key::new("k/").unwrap().number(number), version: number, kept }
    }

    fn written(count: u64) -> (SimDisk, Checkpoint) {
        let disk = SimDisk::new();
        let mut writer = CheckpointWriter::create(Arc::new(disk.clone()), END).unwrap();
        (0..count).for_each(|number| writer.add(&entry(number)).unwrap());
        let mut alive = Alive::new([0], END.place);
        alive.count(4, &Place { at: 10, length: 30, sum: 0 });
        let checkpoint = writer.finish(&alive).unwrap();
        (disk, checkpoint)
    }

    fn read(disk: &SimDisk) -> Result<Vec<IndexEntry>, StoreError> {
        let mut all = Vec::new();
        let checkpoint = newest(disk)?.unwrap();
        checkpoint.read(disk, |entries| {
            all.extend(entries);
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        for count in [0, 1, 100, 5_000] {
            let (disk, checkpoint) = written(count);
            disk.crash(count);
            assert_eq!(newest(&disk).unwrap(), Some(checkpoint));
            assert_eq!(read(&disk).unwrap(), (0..count).map(entry).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_of_an_earlier_version_has_no_list_of_segments() {
        let (disk, checkpoint) = written(100);
        let name = disk.files().remove(0);
        disk.damage(&name, |bytes| {
            bytes.truncate(bytes.len() - LIST_TAIL - alive::LENGTH);
            bytes[HEADER - 8..HEADER - 4].fill(0);
            let sum = crc32fast::hash(&bytes[..HEADER - 4]).to_le_bytes();
            bytes[HEADER - 4..HEADER].copy_from_slice(&sum);
        });
        assert_eq!(checkpoint.relies_on.len(), 1);
        assert_eq!(newest(&disk).unwrap().unwrap().relies_on, []);
        assert_eq!(read(&disk).unwrap(), (0..100).map(entry).collect::<Vec<_>>());
    }

    #[test]
    fn an_unfinished_one_does_not_count() {
        let disk = SimDisk::new();
        let mut writer = CheckpointWriter::create(Arc::new(disk.clone()), END).unwrap();
        (0..5_000).for_each(|number| writer.add(&entry(number)).unwrap());
        drop(writer);
        assert_eq!(newest(&disk).unwrap(), None);
        remove_others(&disk, 0).unwrap();
        assert_eq!(disk.files(), [""; 0]);
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let (disk, checkpoint) = written(300);
        let name = disk.files().remove(0);
        for at in (0..usize::try_from(checkpoint.size).unwrap()).step_by(41) {
            disk.damage(&name, |bytes| bytes[at] ^= 8);
            assert!(read(&disk).is_err(), "byte {at}");
            disk.damage(&name, |bytes| bytes[at] ^= 8);
            assert!(at % 5 > 0 || read(&disk).is_ok());
        }
        for cut in [1, 20, 3_000] {
            let (disk, _) = written(300);
            disk.damage(&name, |bytes| bytes.truncate(bytes.len() - cut));
            assert!(read(&disk).is_err(), "{cut} bytes cut");
        }
    }
}
