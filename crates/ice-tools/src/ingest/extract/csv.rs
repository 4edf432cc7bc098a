//! Tables: each row as `column: cell` lines.

use ice_core::tools::ToolError;

use crate::ingest::Place;
use crate::ingest::document::Sink;
use crate::ingest::limits::damaged;

/// Delimiters, of which the first line has the most.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Rows below a header. Cells that are empty are left out.
pub(crate) fn csv(text: &str, sink: &mut Sink<'_>) -> Result<(), ToolError> {
    let first = text.lines().next().unwrap_or_default().as_bytes();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    // The first of those that are as frequent.
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',');
    let mut reader =
        ::csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let failed = |error: ::csv::Error| damaged(format!("the table cannot be read: {error}"));
    let header = reader.headers().map_err(failed)?.clone();
    let mut record = ::csv::StringRecord::new();
    let mut row = 0;
    let mut written = String::new();
    while reader.read_record(&mut record).map_err(failed)? {
        row += 1;
        written.clear();
        for (index, cell) in record.iter().enumerate() {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            let name = header.get(index).map(str::trim).unwrap_or_default();
            sink.room(written.len() + name.len() + cell.len())?;
            if !written.is_empty() {
                written.push('\n');
            }
            if !name.is_empty() {
                written.push_str(name);
                written.push_str(": ");
            }
            written.push_str(cell);
        }
        let position = record.position();
        let line = position.map(::csv::Position::line);
        let bytes = position.map(|position| position.byte()..reader.position().byte());
        sink.add(&written, Place { row: Some(row), line, bytes, ..Place::default() }, false)?;
        if row % 256 == 0 {
            sink.observer.progressed(reader.position().byte(), text.len() as u64);
        }
    }
    Ok(())
}
