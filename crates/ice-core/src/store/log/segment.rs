//! Segment files: their names and headers, and reading values out of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::frame::Chain;
use crate::store::disk::{Disk, DiskFile, OpenMode};
use crate::store::lock::lock;

/// The folder of the segments.
pub(crate) const FOLDER: &str = "log";

/// Bytes of a segment before its first frame.
pub(crate) const SEGMENT_HEADER: usize = 64;

const MAGIC: [u8; 8] = *b"ICELOG01";

/// How many old segments are kept open for reading.
const MAX_IDLE_FILES: usize = 64;

/// The path of the segment that begins at `start`.
pub(crate) fn path(start: u64) -> String {
    format!("{FOLDER}/{start:016x}.log")
}

/// Where a file of this name begins.
pub(crate) fn start_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The place of the first frame.
    pub(crate) start: u64,
    /// The last commit before it.
    pub(crate) before: u64,
    /// The chain value before it.
    pub(crate) chain: Chain,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.start.to_le_bytes());
        bytes.extend_from_slice(&self.before.to_le_bytes());
        bytes.extend_from_slice(&self.chain);
        bytes.resize(SEGMENT_HEADER - 4, 0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..SEGMENT_HEADER)?;
        let (body, sum) = header.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let rest = body.strip_prefix(&MAGIC)?;
        let (start, rest) = rest.split_first_chunk()?;
        let (before, rest) = rest.split_first_chunk()?;
        let chain = rest.first_chunk()?;
        Some(Self { start: u64::from_le_bytes(*start), before: u64::from_le_bytes(*before), chain: *chain })
    }
}

impl Segment {
    /// Whether the file is open only for whoever reads old values.
    fn is_idle(&self) -> bool {
        self.file.is_some() && self.end.is_some()
    }
}

/// Where in the log a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The place of its first byte.
    pub(crate) at: u64,
    /// Its length in bytes.
    pub(crate) length: u32,
    /// Its CRC-32.
    pub(crate) sum: u32,
}

/// Why a value could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The segment has been removed: the value was moved, or is no longer alive. Look it up again.
    Gone,
    /// The bytes are not the ones that were written.
    Damaged,
    /// The disk failed.
    Disk(io::Error),
}

/// All segments, for those who read values.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    files: Mutex<BTreeMap<u64, Segment>>,
}

#[derive(Debug)]
struct Segment {
    /// Opened when first read.
    file: Option<Arc<dyn DiskFile>>,
    /// The place after its last frame, unless it still grows or was not opened yet.
    end: Option<u64>,
}

impl Segments {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, files: Mutex::new(BTreeMap::new()) }
    }

    /// Adds a segment, with its file if it is the one that grows. One that grew before ends there.
    pub(crate) fn add(&self, start: u64, file: Option<Arc<dyn DiskFile>>) {
        let mut files = lock(&self.files);
        if let Some((_, segment)) = files.range_mut(..start).next_back()
            && segment.file.is_some()
        {
            segment.end.get_or_insert(start);
        }
        files.insert(start, Segment { file, end: None });
    }

    /// The places at which segments begin, in order.
    pub(crate) fn starts(&self) -> Vec<u64> {
        lock(&self.files).keys().copied().collect()
    }

    /// The beginning of the segment that holds a place, if it is still there.
    pub(crate) fn holding(&self, place: u64) -> Option<u64> {
        lock(&self.files).range(..=place).next_back().map(|(start, _)| *start)
    }

    /// The bytes of a segment that is there.
    pub(crate) fn size(&self, start: u64) -> io::Result<u64> {
        let end = lock(&self.files).get(&start).and_then(|segment| segment.end);
        match end {
            Some(end) => Ok(end - start),
            None => self.disk.open(&path(start), OpenMode::Read)?.size(),
        }
    }

    /// Removes a segment; whoever reads from it goes on reading.
    pub(crate) fn remove(&self, start: u64) -> io::Result<()> {
        lock(&self.files).remove(&start);
        self.disk.remove(&path(start))
    }

    /// Reads a value.
    pub(crate) fn read(&self, place: &Place) -> Result<Bytes, ReadError> {
        let (start, file) = self.file(place.at)?;
        let mut bytes = vec![0; usize::try_from(place.length).unwrap_or(usize::MAX)];
        let offset = place.at - start + SEGMENT_HEADER as u64;
        let read = file.read_at(offset, &mut bytes).map_err(ReadError::Disk)?;
        if read < bytes.len() || crc32fast::hash(&bytes) != place.sum {
            return Err(ReadError::Damaged);
        }
        Ok(bytes.into())
    }

    fn file(&self, place: u64) -> Result<(u64, Arc<dyn DiskFile>), ReadError> {
        let mut files = lock(&self.files);
        let (start, segment) = files.range(..=place).next_back().ok_or(ReadError::Gone)?;
        let (start, mut end) = (*start, segment.end);
        let file = match &segment.file {
            Some(file) => Arc::clone(file),
            None => {
                let open = files.values().filter(|segment| segment.is_idle()).count();
                if open >= MAX_IDLE_FILES {
                    files
                        .values_mut()
                        .filter(|segment| segment.is_idle())
                        .for_each(|segment| segment.file = None);
                }
                let file = self.disk.open(&path(start), OpenMode::Read).map_err(ReadError::Disk)?;
                let size = file.size().map_err(ReadError::Disk)?;
                end = Some(start + size.saturating_sub(SEGMENT_HEADER as u64));
                files.insert(start, Segment { file: Some(Arc::clone(&file)), end });
                file
            }
        };
        // The segment that held the place may have been removed from between others.
        if end.is_some_and(|end| place >= end) { Err(ReadError::Gone) } else { Ok((start, file)) }
    }
}
