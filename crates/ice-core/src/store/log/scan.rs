//! Reading a segment: frame after frame until one does not fit, and whether what follows proves damage.
//! Pure: bytes in, findings out.

use bytes::Bytes;

use super::frame::{self, Chain, FrameHeader, Misfit};
use super::record::{Commits, LEAST_BYTES, RecoveredWrite, Unreadable};
use super::segment::{SEGMENT_HEADER, SegmentHeader};

/// How many places behind a misfit are looked at for a frame, so that no contents can make that slow.
const CANDIDATES: usize = 1_000;

/// Where a scan begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanStart {
    /// The place in the log.
    pub(crate) place: u64,
    /// The last commit before it.
    pub(crate) before: u64,
    /// The chain value there.
    pub(crate) chain: Chain,
}

impl From<&SegmentHeader> for ScanStart {
    fn from(header: &SegmentHeader) -> Self {
        Self { place: header.start, before: header.before, chain: header.chain }
    }
}

/// Where a scan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanEnd {
    /// The offset in the segment after the last frame that fits.
    pub(crate) offset: usize,
    /// The chain value there.
    pub(crate) chain: Chain,
    /// The last commit before it.
    pub(crate) last: u64,
    /// Why the bytes there are no next frame; nothing if the segment ends there.
    pub(crate) misfit: Option<Misfit>,
    /// What the frames behind the misfit prove.
    pub(crate) behind: Behind,
}

/// What valid frames behind a misfit say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The log was synced up to this place.
    pub(crate) synced: u64,
    /// The last commit in any of them.
    pub(crate) last: u64,
    /// The last commit in any of them that lies before `synced`, and the one before the first of them if
    /// that does.
    pub(crate) last_synced: u64,
    /// How many commits there are from the misfit on, at most.
    pub(crate) commits: u64,
}

/// Reads the frames of the segment that begins at the place `segment`, in order. `take` gets each frame's
/// header and payload and stops the scan by an error.
pub(crate) fn scan<E>(
    bytes: &[u8],
    segment: u64,
    start: &ScanStart,
    mut take: impl FnMut(&FrameHeader, &[u8]) -> Result<(), E>,
) -> Result<ScanEnd, E> {
    let begin = usize::try_from(start.place.saturating_sub(segment)).unwrap_or(usize::MAX);
    let mut end = ScanEnd {
        offset: SEGMENT_HEADER.saturating_add(begin).min(bytes.len()),
        chain: start.chain,
        last: start.before,
        misfit: None,
        behind: Behind::default(),
    };
    loop {
        let rest = bytes.get(end.offset..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(end);
        }
        let place = segment.saturating_add(end.offset.saturating_sub(SEGMENT_HEADER) as u64);
        match frame::follow(rest, place, &end.chain) {
            Ok((header, payload, chain)) => {
                take(&header, payload)?;
                end.offset += frame::HEADER + payload.len();
                end.chain = chain;
                end.last = header.last;
            }
            Err(misfit) => {
                end.misfit = Some(misfit);
                end.behind = behind(rest, place, end.last);
                return Ok(end);
            }
        }
    }
}

/// Looks for frames in bytes whose first is no frame, stands at `place` and follows the commit `before`.
fn behind(bytes: &[u8], place: u64, before: u64) -> Behind {
    let mut found: Vec<FrameHeader> = Vec::new();
    let mut at = 1;
    let mut tried = 0;
    while let Some(step) = bytes.get(at..).and_then(frame::find) {
        at += step;
        tried += 1;
        if tried > CANDIDATES {
            break;
        }
        let candidate = bytes.get(at..).unwrap_or_default();
        match frame::open_at(candidate, place.saturating_add(at as u64)) {
            Ok((header, payload)) => {
                at += frame::HEADER + payload.len();
                found.push(header);
            }
            Err(_) => at += 1,
        }
    }
    let synced = found.iter().map(|header| header.synced).max().unwrap_or(0);
    let mut behind = Behind { synced, ..Behind::default() };
    let (mut reached, mut seq) = (place, before);
    for header in found {
        behind.last = behind.last.max(header.last);
        // What is between two frames can be no more than there is room and numbers for.
        let room = header.place.saturating_sub(reached) / LEAST_BYTES;
        let between = room.min(header.first.saturating_sub(seq).saturating_sub(1));
        behind.commits = behind.commits.saturating_add(between).saturating_add(header.commits());
        (reached, seq) = (header.end(), header.last);
        if header.place < synced {
            behind.last_synced = behind.last_synced.max(header.last);
        } else if header.place == synced {
            behind.last_synced = behind.last_synced.max(header.first.saturating_sub(1));
        }
    }
    let rest = place.saturating_add(bytes.len() as u64).saturating_sub(reached);
    behind.commits = behind.commits.saturating_add(rest / LEAST_BYTES);
    behind
}

/// What [`recover`] found in a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The commits up to the first byte that does not fit, in order.
    pub commits: Vec<RecoveredCommit>,
    /// The bytes that fit.
    pub valid_bytes: usize,
    /// The bytes behind them.
    pub dropped_bytes: usize,
    /// Whether a frame behind them proves that they were synced once: the segment is damaged, not torn.
    pub damaged: bool,
}

/// A commit found in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredCommit {
    /// Its number.
    pub seq: u64,
    /// Its writes, in order.
    pub writes: Vec<RecoveredWrite>,
}

/// Reads one segment from its bytes, whatever they are: takes what fits from the beginning and says what
/// does not. Never panics; takes time and memory in proportion to the input.
#[must_use]
pub fn recover(bytes: &[u8]) -> Recovered {
    let Some(header) = SegmentHeader::decode(bytes) else {
        return Recovered { dropped_bytes: bytes.len(), ..Recovered::default() };
    };
    let mut commits = Vec::new();
    let mut valid_bytes = SEGMENT_HEADER;
    let end = scan(bytes, header.start, &ScanStart::from(&header), |_, payload| {
        commits.extend(read(payload)?);
        valid_bytes += frame::HEADER + payload.len();
        Ok::<(), Unreadable>(())
    });
    let damaged = match end {
        Ok(end) => end.behind.synced > header.start.saturating_add((end.offset - SEGMENT_HEADER) as u64),
        // A frame that fits and cannot be read was written whole: that is no torn write.
        Err(Unreadable) => true,
    };
    Recovered { commits, valid_bytes, dropped_bytes: bytes.len() - valid_bytes, damaged }
}

fn read(payload: &[u8]) -> Result<Vec<RecoveredCommit>, Unreadable> {
    let mut commits = Vec::new();
    let mut reader = Commits::new(payload);
    while let Some(seq) = reader.next_commit()? {
        let mut writes = Vec::new();
        while let Some(write) = reader.next_write()? {
            let own = |(_, value): (usize, &[u8])| Bytes::copy_from_slice(value);
            writes.push(match write {
                RecoveredWrite::Put { key, value } => RecoveredWrite::Put { key, value: own(value) },
                RecoveredWrite::Delete { key } => RecoveredWrite::Delete { key },
                RecoveredWrite::Moved { key, version, value } => {
                    RecoveredWrite::Moved { key, version, value: own(value) }
                }
            });
        }
        commits.push(RecoveredCommit { seq, writes });
    }
    Ok(commits)
}
