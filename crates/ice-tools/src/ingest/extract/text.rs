//! Plain text.

use ice_core::tools::ToolError;

use crate::ingest::Place;
use crate::ingest::document::Sink;
use crate::support::units;

/// Paragraphs between empty lines.
pub(crate) fn text(text: &str, sink: &mut Sink<'_>) -> Result<(), ToolError> {
    let mut lines = Lines::new(text);
    for range in units::paragraphs(text) {
        let line = lines.at(range.start);
        let paragraph = text.get(range.clone()).unwrap_or_default();
        let bytes = Some(range.start as u64..range.end as u64);
        sink.add(paragraph, Place { line: Some(line), bytes, ..Place::default() }, false)?;
        sink.observer.progressed(range.end as u64, text.len() as u64);
    }
    Ok(())
}

/// Counts lines up to places that ascend.
pub(super) struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl<'t> Lines<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line of a byte, from 1.
    pub(super) fn at(&mut self, byte: usize) -> u64 {
        let between = self.text.as_bytes().get(self.at..byte).unwrap_or_default();
        self.line += between.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = self.at.max(byte);
        self.line
    }
}
