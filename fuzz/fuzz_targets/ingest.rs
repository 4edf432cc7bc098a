//! A document of any format is read within its limits, and its pieces are bounded and the same again.
#![no_main]

use ice_tools::ingest::{Chunking, Document, Format, Limits, Silent};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 7] = [
    Format::Text,
    Format::Markdown,
    Format::Html,
    Format::Csv,
    Format::Json,
    Format::JsonLines,
    Format::Pdf,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Some(format) = FORMATS.get(usize::from(*first) % FORMATS.len()) else { return };
    let limits = Limits { output_bytes: 1 << 20, parts: 10_000, pages: 100, operations: 100_000, ..Limits::default() };
    let Ok(document) = Document::read(rest.to_vec(), *format, None, &limits, &Silent) else { return };
    assert!(document.text().len() <= 1 << 20 && document.len() <= 10_000);
    let how = Chunking::characters(100, 20).expect("a size and an overlap that are allowed");
    let mut last = None;
    for chunk in document.chunks(how.clone()).take(50) {
        assert!(chunk.text.chars().count() <= 100 && !chunk.text.is_empty());
        last = Some(chunk);
    }
    if let Some(last) = last {
        let before = last.index.checked_sub(1);
        assert_eq!(document.chunks(how).after(before).next(), Some(last));
    }
});
