//! The header of a frame: written, checked, and chained to the one before.

use crc32fast::Hasher as Crc;

/// Bytes of a frame before its payload.
pub(crate) const HEADER: usize = 64;

const MAGIC: [u8; 4] = *b"ICEF";
const KIND_COMMITS: u8 = 1;
const CRC_AT: std::ops::Range<usize> = 12..16;
const PLACE_AT: usize = 16;
const CHAIN_AT: usize = 48;

/// The chain value after a frame.
pub(crate) type Chain = [u8; 16];

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// The place of the frame.
    pub(crate) place: u64,
    /// The length of the payload in bytes.
    pub(crate) length: u32,
    /// The first commit.
    pub(crate) first: u64,
    /// The last commit.
    pub(crate) last: u64,
    /// The place up to which the log was synced when the frame was made.
    pub(crate) synced: u64,
}

impl FrameHeader {
    /// How many commits the frame holds. Within one, no number is left out.
    pub(crate) fn commits(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// The place behind the frame.
    pub(crate) fn end(&self) -> u64 {
        self.place.saturating_add(HEADER as u64).saturating_add(u64::from(self.length))
    }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// There are fewer bytes than a frame needs.
    Short,
    /// The bytes are no header, or their checksum differs.
    Checksum,
    /// A frame from elsewhere: its place or chain differs.
    Chain,
}

fn fields(header: &FrameHeader) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        for (slot, byte) in bytes.iter_mut().skip(at).zip(part) {
            *slot = *byte;
        }
        at += part.len();
    };
    put(&MAGIC);
    put(&[KIND_COMMITS, 0, 0, 0]);
    put(&header.length.to_le_bytes());
    put(&[0; 4]);
    put(&header.place.to_le_bytes());
    put(&header.first.to_le_bytes());
    put(&header.last.to_le_bytes());
    put(&header.synced.to_le_bytes());
    bytes
}

/// Makes the header of a frame and the chain value after it.
pub(crate) fn seal<'a>(
    header: &FrameHeader,
    before: &Chain,
    payload: impl Iterator<Item = &'a [u8]> + Clone,
) -> ([u8; HEADER], Chain) {
    let mut bytes = fields(header);
    let chain = chain(before, &bytes, payload.clone());
    for (slot, byte) in bytes.iter_mut().skip(CHAIN_AT).zip(chain) {
        *slot = byte;
    }
    let sum = checksum(&bytes, payload).to_le_bytes();
    for (slot, byte) in bytes.iter_mut().skip(CRC_AT.start).zip(sum) {
        *slot = byte;
    }
    (bytes, chain)
}

fn chain<'a>(before: &Chain, header: &[u8; HEADER], payload: impl Iterator<Item = &'a [u8]>) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    for part in parts(header, CHAIN_AT) {
        hasher.update(part);
    }
    for part in payload {
        hasher.update(part);
    }
    let hash = hasher.finalize();
    let mut chain = Chain::default();
    for (slot, byte) in chain.iter_mut().zip(hash.as_bytes()) {
        *slot = *byte;
    }
    chain
}

fn checksum<'a>(header: &[u8; HEADER], payload: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut crc = Crc::new();
    for part in parts(header, HEADER) {
        crc.update(part);
    }
    for part in payload {
        crc.update(part);
    }
    crc.finalize()
}

/// The header up to `end`, without the checksum.
fn parts(header: &[u8; HEADER], end: usize) -> [&[u8]; 2] {
    [header.get(..CRC_AT.start).unwrap_or_default(), header.get(CRC_AT.end..end).unwrap_or_default()]
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Reads a frame at the beginning of `bytes` and checks its checksum, but not where it belongs.
pub(crate) fn open(bytes: &[u8]) -> Result<(FrameHeader, &[u8]), Misfit> {
    let header: [u8; HEADER] = number(bytes, 0).ok_or(Misfit::Short)?;
    let word = |at| number(&header, at).map(u64::from_le_bytes).ok_or(Misfit::Short);
    let half = |at| number(&header, at).map(u32::from_le_bytes).ok_or(Misfit::Short);
    if header.first_chunk() != Some(&MAGIC) || header.get(4) != Some(&KIND_COMMITS) {
        return Err(Misfit::Checksum);
    }
    let found = FrameHeader {
        place: word(PLACE_AT)?,
        length: half(8)?,
        first: word(24)?,
        last: word(32)?,
        synced: word(40)?,
    };
    let length = usize::try_from(found.length).map_err(|_| Misfit::Short)?;
    let payload = bytes.get(HEADER..).and_then(|rest| rest.get(..length)).ok_or(Misfit::Short)?;
    if checksum(&header, std::iter::once(payload)) != half(CRC_AT.start)? {
        return Err(Misfit::Checksum);
    }
    Ok((found, payload))
}

/// The offset of the next bytes that look like the beginning of a frame.
pub(crate) fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(MAGIC.len()).position(|window| window == MAGIC)
}

/// Reads a frame that must stand at `place`, whatever comes before it. The place is compared first, so that
/// bytes that only look like a frame cost nothing.
pub(crate) fn open_at(bytes: &[u8], place: u64) -> Result<(FrameHeader, &[u8]), Misfit> {
    let stored = number(bytes, PLACE_AT).map(u64::from_le_bytes).ok_or(Misfit::Short)?;
    if stored == place { open(bytes) } else { Err(Misfit::Chain) }
}

/// Reads the frame at the beginning of `bytes` that must stand at `place` and follow `before`. Returns the
/// chain value after it as well.
pub(crate) fn follow<'a>(
    bytes: &'a [u8],
    place: u64,
    before: &Chain,
) -> Result<(FrameHeader, &'a [u8], Chain), Misfit> {
    let (header, payload) = open(bytes)?;
    let raw: &[u8; HEADER] = bytes.first_chunk().ok_or(Misfit::Short)?;
    let after = chain(before, raw, std::iter::once(payload));
    let stored: Chain = number(raw, CHAIN_AT).ok_or(Misfit::Short)?;
    if header.place != place || stored != after {
        return Err(Misfit::Chain);
    }
    Ok((header, payload, after))
}
