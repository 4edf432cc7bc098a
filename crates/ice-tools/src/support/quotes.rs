//! Watches the quotes and the width of CSV on its way to the parser, which takes both as they come.

use std::fmt;
use std::io::{self, Read};

/// The most fields of a record.
const MAX_FIELDS: usize = 10_000;

/// Follows the quotes of CSV as it is read.
#[derive(Debug)]
pub(super) struct Quotes<R> {
    inner: R,
    delimiter: u8,
    state: State,
    line: u64,
    opened: u64,
    fields: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// A quote within a quoted field: its end, or the first of two.
    Closing,
}

/// A record with more fields than any table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooWide {
    pub(super) line: u64,
}

impl fmt::Display for TooWide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} has more than {MAX_FIELDS} fields", self.line)
    }
}

impl std::error::Error for TooWide {}

impl<R> Quotes<R> {
    pub(super) const fn new(inner: R, delimiter: u8) -> Self {
        Self { inner, delimiter, state: State::FieldStart, line: 1, opened: 0, fields: 1 }
    }

    /// The line of a quote that was opened and not closed so far.
    pub(super) fn unclosed(&self) -> Option<u64> {
        (self.state == State::Quoted).then_some(self.opened)
    }

    fn follow(&mut self, byte: u8) -> Result<(), TooWide> {
        if byte == b'\n' {
            self.line += 1;
        }
        self.state = match (self.state, byte) {
            (State::FieldStart, b'"') => {
                self.opened = self.line;
                State::Quoted
            }
            (State::Quoted, b'"') => State::Closing,
            (State::Quoted, _) | (State::Closing, b'"') => State::Quoted,
            (State::FieldStart | State::Plain | State::Closing, b'\n' | b'\r') => {
                self.fields = 1;
                State::FieldStart
            }
            (State::FieldStart | State::Plain | State::Closing, byte) if byte == self.delimiter => {
                self.fields += 1;
                if self.fields > MAX_FIELDS {
                    return Err(TooWide { line: self.line });
                }
                State::FieldStart
            }
            (State::FieldStart | State::Plain | State::Closing, _) => State::Plain,
        };
        Ok(())
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in buffer.iter().take(count) {
            self.follow(*byte).map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        let mut quotes = Quotes::new(text.as_bytes(), b',');
        io::copy(&mut quotes, &mut io::sink()).unwrap();
        assert_eq!(quotes.unclosed(), expected, "{text}");
    }

    #[test]
    fn an_open_quote_is_found_with_its_line() {
        check("a,b\n\"c\nd\",\"e\"\"f\"\n", None);
        check("a\n5\" pipe,\"x\"\n", None);
        check("a\n\"b\nc\n", Some(2));
        check("a,\"b\"\"", Some(1));
        check("\"a\"x,b", None);
    }

    #[test]
    fn a_record_has_a_greatest_width() {
        let wide = ",".repeat(MAX_FIELDS);
        let mut quotes = Quotes::new(wide.as_bytes(), b',');
        assert!(io::copy(&mut quotes, &mut io::sink()).is_err());
        let narrow = format!("{}\n", ",".repeat(MAX_FIELDS - 1)).repeat(3);
        let mut quotes = Quotes::new(narrow.as_bytes(), b',');
        assert!(io::copy(&mut quotes, &mut io::sink()).is_ok());
    }
}
