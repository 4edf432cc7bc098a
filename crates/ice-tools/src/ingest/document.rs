//! A document as text with places.

use std::ops::Range;

use ice_core::tools::ToolError;

use super::chunk::{Chunking, Chunks};
use super::extract;
use super::format::Format;
use super::limits::{Limits, Observer, exceeded};
use super::place::Place;
use crate::support::{Decoding, decode};

/// The text of a document in parts, and where each came from.
#[derive(Clone, Debug)]
pub struct Document {
    hash: [u8; 32],
    text: String,
    parts: Vec<Part>,
}

/// A part of the text: a paragraph, a heading, a row, a value.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its bytes in the text.
    pub(super) range: Range<usize>,
    pub(super) place: Place,
    /// Whether it begins a section: a piece ends before it rather than behind it.
    pub(super) begins: bool,
}

impl Document {
    /// Reads a document. `encoding` is the label of the encoding of its text, as in HTML; without it a byte order mark, the
    /// `charset` of an HTML page, or UTF-8 decide.
    ///
    /// The time is linear in what is read and made; blocks the thread.
    ///
    /// # Errors
    /// [`DataInvalid`](ice_core::error::ErrorCode::DataInvalid) if it is damaged, encrypted or in another encoding,
    /// [`LimitExceeded`](ice_core::error::ErrorCode::LimitExceeded) beyond a limit, and `RUN_CANCELLED` if the observer stops it.
    pub fn read(
        bytes: Vec<u8>,
        format: Format,
        encoding: Option<&str>,
        limits: &Limits,
        observer: &dyn Observer,
    ) -> Result<Self, ToolError> {
        if bytes.len() as u64 > limits.input_bytes {
            return Err(exceeded(&format!("the document has {} bytes", bytes.len()), limits.input_bytes));
        }
        let hash = *blake3::hash(&bytes).as_bytes();
        let mut sink = Sink { limits, observer, text: String::new(), parts: Vec::new() };
        sink.watch()?;
        let text = |bytes: Vec<u8>| {
            let found = encoding.map(str::to_owned).or_else(|| extract::stated_charset(format, &bytes));
            decode("the document", bytes, &Decoding { encoding: found, replace_invalid: false })
        };
        match format {
            Format::Text => extract::text(&text(bytes)?, &mut sink)?,
            Format::Markdown => extract::markdown(&text(bytes)?, &mut sink)?,
            Format::Html => extract::html(&text(bytes)?, &mut sink)?,
            Format::Csv => extract::csv(&text(bytes)?, &mut sink)?,
            Format::Json => extract::json(&text(bytes)?, &mut sink)?,
            Format::JsonLines => extract::json_lines(&text(bytes)?, &mut sink)?,
            Format::Pdf => extract::pdf(&bytes, &mut sink)?,
        }
        Ok(Self { hash, text: sink.text, parts: sink.parts })
    }

    /// The BLAKE3 hash of the bytes that were read: the same document is known again by it.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Its whole text; parts are divided by empty lines.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its parts in order, such as paragraphs, headings, rows and values, and where each came from.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.parts.iter().map(|part| (self.text.get(part.range.clone()).unwrap_or_default(), &part.place))
    }

    /// How many parts it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is no text in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Its pieces, one after the other. The same document and the same way of cutting give the same pieces.
    #[must_use]
    pub fn chunks(&self, how: Chunking) -> Chunks<'_> {
        Chunks::new(&self.text, &self.parts, how)
    }
}

/// Takes the parts of a document in order, within the limits.
pub(super) struct Sink<'s> {
    pub(super) limits: &'s Limits,
    pub(super) observer: &'s dyn Observer,
    text: String,
    parts: Vec<Part>,
}

impl Sink<'_> {
    /// Adds a part; white space alone is none.
    pub(super) fn add(&mut self, text: &str, place: Place, begins: bool) -> Result<(), ToolError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        self.room(text.len())?;
        if self.parts.len() >= self.limits.parts {
            return Err(exceeded("the document has more parts", self.limits.parts as u64));
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.parts.push(Part { range: start..self.text.len(), place, begins });
        if self.parts.len().is_multiple_of(256) { self.watch() } else { Ok(()) }
    }

    /// Refuses what would have no room, before it is made.
    pub(super) fn room(&self, more: usize) -> Result<(), ToolError> {
        if (self.text.len() as u64).saturating_add(more as u64) > self.limits.output_bytes {
            return Err(exceeded("the text of the document has more bytes", self.limits.output_bytes));
        }
        Ok(())
    }

    /// Stops if that is wanted.
    pub(super) fn watch(&self) -> Result<(), ToolError> {
        if self.observer.is_stopped() { Err(ToolError::cancelled().not_started()) } else { Ok(()) }
    }
}
