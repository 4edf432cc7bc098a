//! Byte offsets of a text into lines and columns.

use std::ops::Range;

use crate::diagnostic::Position;

/// How far apart the counts of characters are kept, in bytes.
const STRIDE: usize = 4_096;

/// Where the lines of a text begin, and how many characters stand before every so many bytes, so that
/// columns are found quickly even in one long line.
#[derive(Debug)]
pub(super) struct LineIndex<'t> {
    text: &'t str,
    starts: Vec<usize>,
    counts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        let mut counts = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut sum = 0;
        for chunk in text.as_bytes().chunks(STRIDE) {
            counts.push(sum);
            sum += characters(chunk);
        }
        Self { text, starts, counts }
    }

    /// The position of a range of bytes; it ends with its first line.
    pub(super) fn position(&self, range: Range<usize>) -> Position {
        let start = range.start.min(self.text.len());
        let line = self.starts.partition_point(|begin| *begin <= start).max(1);
        let begin = self.starts.get(line - 1).copied().unwrap_or(0);
        let line_end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        let has_return = self.text.get(..line_end).is_some_and(|before| before.ends_with('\r'));
        let line_end = line_end - usize::from(has_return);
        let end = range.end.clamp(start, line_end.max(start));
        let column = self.before(start) - self.before(begin) + 1;
        let length = (self.before(end) - self.before(start)).max(1);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position { line: small(line), column: small(column), length: small(length) }
    }

    /// The position of a line and a column that counts bytes, both from 1.
    pub(super) fn at_byte_column(&self, line: usize, column: usize) -> Option<Position> {
        let begin = *self.starts.get(line.checked_sub(1)?)?;
        let mut at = (begin + column.saturating_sub(1)).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        Some(self.position(at..at))
    }

    /// The number of characters before a byte.
    fn before(&self, at: usize) -> usize {
        let chunk = at / STRIDE;
        let Some(count) = self.counts.get(chunk) else {
            let known = self.counts.len().saturating_sub(1);
            let rest = self.text.as_bytes().get(known * STRIDE..).unwrap_or_default();
            return self.counts.last().copied().unwrap_or(0) + characters(rest);
        };
        count + characters(self.text.as_bytes().get(chunk * STRIDE..at).unwrap_or_default())
    }
}

/// The number of characters that begin within some bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xC0) != 0x80).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str, range: Range<usize>) -> (u32, u32, u32) {
        let Position { line, column, length } = LineIndex::new(text).position(range);
        (line, column, length)
    }

    #[test]
    fn columns_count_characters_and_ranges_end_with_their_line() {
        assert_eq!(at("äb\ncd", 2..3), (1, 2, 1));
        assert_eq!(at("äb\ncd", 2..6), (1, 2, 1));
        assert_eq!(at("äb\ncd", 4..6), (2, 1, 2));
        assert_eq!(at("ab\r\ncd\r\n", 1..9), (1, 2, 1));
        assert_eq!(at("\r\n", 0..2), (1, 1, 1));
        assert_eq!(at("", 0..9), (1, 1, 1));
        assert_eq!(at("a\n", 2..2), (2, 1, 1));
        assert_eq!(at("a\n", 99..100), (2, 1, 1));
        let byte = LineIndex::new("x\näöü").at_byte_column(2, 5).unwrap();
        assert_eq!((byte.line, byte.column), (2, 3));
        assert_eq!(LineIndex::new("x").at_byte_column(9, 1), None);
    }

    proptest! {
        #[test]
        fn positions_agree_with_counting(text in "(ä|b|\n|😀| ){0,40}", filler in 0usize..3, at in 0usize..100) {
            let text = format!("{}{text}", "é".repeat(filler * STRIDE / 2));
            let offset = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).nth(at).unwrap_or(0);
            let before = &text[..offset];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            let found = LineIndex::new(&text).position(offset..offset);
            prop_assert_eq!((found.line as usize, found.column as usize), (line, column));
        }
    }
}
