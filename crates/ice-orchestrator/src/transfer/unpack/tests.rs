//! Files are read in pieces of any size, and what is not one is told.

use super::*;
use crate::transfer::Packer;

fn file(blob: &[u8]) -> Vec<u8> {
    let run = uuid::Uuid::from_u128(7).into();
    let header = Header { ice_run: VERSION, run, records: 1, journal: 1, engine: "0.1".to_owned() };
    let mut packer = Packer::default();
    let mut out = packer.header(&header).unwrap().to_vec();
    let size = blob.len() as u64;
    for part in [Part::Blob { hash: BlobHash::of(blob), size }, Part::Chunk { first: 0, size }] {
        out.extend_from_slice(&packer.part(&part).unwrap());
        out.extend_from_slice(&packer.bytes(Bytes::copy_from_slice(blob)));
        out.extend_from_slice(&packer.end_part());
    }
    out.extend_from_slice(&packer.end().unwrap());
    out
}

/// Reads bytes in pieces of a size; gives how many items there were.
fn read(bytes: &[u8], piece: usize) -> Result<usize, TransferError> {
    let (mut unpacker, mut items) = (Unpacker::default(), 0);
    for mut piece in bytes.chunks(piece) {
        while unpacker.next(&mut piece)?.is_some() {
            items += 1;
        }
    }
    unpacker.finish().map(|()| items)
}

#[test]
fn what_was_written_is_read_in_pieces_of_any_size() {
    for blob in [&b""[..], b"\n", b"{\"end\":1}\n\0\xff", &[7; 10_000]] {
        let file = file(blob);
        for piece in [1, 2, 7, 4_096, file.len()] {
            assert_eq!(read(&file, piece), Ok(4), "{piece}");
        }
    }
}

#[test]
fn every_byte_that_is_missing_or_another_is_noticed() {
    let file = file(b"some bytes");
    for at in 0..file.len() {
        read(&file[..at], 64).unwrap_err();
        let mut other = file.clone();
        other[at] ^= 1;
        // The engine's version is for people; still it is under the digest.
        read(&other, 64).unwrap_err();
    }
    assert!(matches!(read(&file[..file.len() - 1], 64), Err(TransferError::Cut { .. })));
    let more = [&file[..], b"x"].concat();
    assert_eq!(read(&more, 64), Err(TransferError::Trailing { at: file.len() as u64 }));
}

#[test]
fn what_is_no_file_of_a_run_is_told_from_what_is_a_newer_one() {
    assert_eq!(read(b"nodes: []\n", 64), Err(TransferError::Foreign));
    assert_eq!(read(&[b'x'; 10_000], 64), Err(TransferError::Foreign));
    assert_eq!(read(&[b'['; 10_000], 4_096), Err(TransferError::Foreign));
    assert_eq!(read(b"{\"ice_run\":2}\n", 64), Err(TransferError::Newer { found: 2, most: 1 }));
    assert!(matches!(read(b"{\"ice_run\":1}\n", 64), Err(TransferError::Line { at: 0, .. })));
}

#[test]
fn sizes_that_are_stated_take_no_memory_and_those_beyond_the_limit_are_refused() {
    let begin = file(b"")[..].split(|byte| *byte == b'\n').next().unwrap().to_vec();
    let part = |size: u64| {
        [&begin[..], format!("\n{{\"part\":\"chunk\",\"first\":0,\"size\":{size}}}\n").as_bytes()].concat()
    };
    assert!(matches!(read(&part(u64::MAX), 64), Err(TransferError::TooLarge { size: u64::MAX, .. })));
    let mut unpacker = Unpacker::default();
    let bytes = part(16 << 20);
    let mut input = &bytes[..];
    while unpacker.next(&mut input).unwrap().is_some() {}
    assert!(unpacker.body.as_ref().unwrap().1.capacity() < 1_024);
    let nested = format!("{{\"part\":{}", "[".repeat(4_000));
    assert!(matches!(
        read(&[&begin[..], b"\n", nested.as_bytes(), b"\n"].concat(), 64),
        Err(TransferError::Line { .. })
    ));
}
