//! The file of a run is read, whatever its bytes are and however they are cut into pieces, and its journal is decoded.
#![no_main]

use ice_orchestrator::journal::{Body, Decoder};
use ice_orchestrator::transfer::{Item, Part, TransferError, Unpacker};
use libfuzzer_sys::fuzz_target;

fn read(bytes: &[u8], piece: usize) -> (Vec<Item>, Result<(), TransferError>) {
    let (mut unpacker, mut items) = (Unpacker::default(), Vec::new());
    for mut piece in bytes.chunks(piece) {
        loop {
            match unpacker.next(&mut piece) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Err(error)),
            }
        }
    }
    let end = unpacker.finish();
    (items, end)
}

fuzz_target!(|bytes: &[u8]| {
    let (items, end) = read(bytes, 4_096);
    let (same, other) = read(bytes, 7);
    assert!(items == same && end.is_ok() == other.is_ok());
    assert_eq!(end.is_ok(), matches!(items.last(), Some(Item::End(_))));
    let mut decoder = Decoder::doubting(10_000);
    for item in items {
        let Item::Part(Part::Chunk { .. }, chunk) = item else { continue };
        let Ok(records) = decoder.read(&chunk) else { return };
        for record in records {
            if let Body::Succeeded { output, .. } = &record.body {
                let missing = decoder.missing(output);
                let resolved = decoder.resolve(output);
                assert!(missing.is_empty() || resolved.is_err());
            }
        }
    }
});
