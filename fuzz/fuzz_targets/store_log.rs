//! A segment of the store's log is recovered from whatever bytes it has: as they are, and with their sums
//! put right, so that what lies behind the sums is reached as well.
#![no_main]

use ice_core::store::log::{RecoveredWrite, recover};
use libfuzzer_sys::fuzz_target;

/// Bytes of a segment before its first frame, and of a frame before its payload.
const HEADER: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&sealed(bytes));
});

fn check(bytes: &[u8]) {
    let found = recover(bytes);
    assert_eq!(found.valid_bytes + found.dropped_bytes, bytes.len());
    let written: usize = found.commits.iter().flat_map(|commit| &commit.writes).map(size).sum();
    assert!(written <= found.valid_bytes);
    // What was taken stands by itself: nothing of it depends on what follows.
    let alone = recover(&bytes[..found.valid_bytes]);
    assert_eq!((alone.commits, alone.dropped_bytes, alone.damaged), (found.commits, 0, false));
}

fn size(write: &RecoveredWrite) -> usize {
    match write {
        RecoveredWrite::Put { key, value } | RecoveredWrite::Moved { key, value, .. } => {
            key.as_bytes().len() + value.len()
        }
        RecoveredWrite::Delete { key } => key.as_bytes().len(),
    }
}

/// The same bytes as a segment of frames: magic, place, length, chain and checksum of each are put right, as
/// `ice_core::store::log` describes them.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let Some((segment, mut rest)) = bytes.split_at_mut_checked(HEADER) else { return bytes };
    segment[..8].copy_from_slice(b"ICELOG01");
    let sum = crc32fast::hash(&segment[..60]);
    segment[60..].copy_from_slice(&sum.to_le_bytes());
    let mut place = u64::from_le_bytes(segment[8..16].try_into().expect("eight bytes"));
    let mut chain: [u8; 16] = segment[24..40].try_into().expect("sixteen bytes");
    while let Some((frame, behind)) = rest.split_at_mut_checked(HEADER) {
        let stated = u32::from_le_bytes(frame[8..12].try_into().expect("four bytes"));
        let length = behind.len().min(stated as usize);
        let (payload, next) = behind.split_at_mut(length);
        frame[..8].copy_from_slice(b"ICEF\x01\0\0\0");
        frame[8..12].copy_from_slice(&(length as u32).to_le_bytes());
        frame[16..24].copy_from_slice(&place.to_le_bytes());
        let mut hasher = blake3::Hasher::new();
        hasher.update(&chain).update(&frame[..12]).update(&frame[16..48]).update(payload);
        chain.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        frame[48..].copy_from_slice(&chain);
        let mut crc = crc32fast::Hasher::new();
        for part in [&frame[..12], &frame[16..], &*payload] {
            crc.update(part);
        }
        frame[12..16].copy_from_slice(&crc.finalize().to_le_bytes());
        place = place.saturating_add((HEADER + length) as u64);
        rest = next;
    }
    bytes
}
