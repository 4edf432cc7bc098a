//! Pieces of a document.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::tokens::TokenCounter;
use ice_core::tools::ToolError;
use serde::Serialize;

use super::document::Part;
use super::place::Place;
use crate::support::{Windows, units};

/// The largest piece, in characters or tokens.
const MAX_SIZE: u64 = 1_000_000;

/// How a document is cut.
#[derive(Clone, Debug)]
pub struct Chunking {
    size: u64,
    overlap: u64,
    measure: Measure,
}

#[derive(Clone, Debug)]
enum Measure {
    Characters,
    Tokens(Arc<dyn TokenCounter>, Option<Arc<str>>),
}

impl Chunking {
    /// Pieces of at most `size` characters (code points), which share at most `overlap` with the one before.
    ///
    /// # Errors
    /// [`ErrorCode::ToolInputInvalid`] if the size is not 1 to 1,000,000, or the overlap is not less than it.
    pub fn characters(size: u64, overlap: u64) -> Result<Self, ToolError> {
        Self::new(size, overlap, Measure::Characters)
    }

    /// Pieces of so many tokens of a model. Sentences are counted one by one; the whole may have a few tokens less.
    ///
    /// # Errors
    /// As [`Chunking::characters`].
    pub fn tokens(
        size: u64,
        overlap: u64,
        counter: Arc<dyn TokenCounter>,
        model: Option<&str>,
    ) -> Result<Self, ToolError> {
        Self::new(size, overlap, Measure::Tokens(counter, model.map(Arc::from)))
    }

    fn new(size: u64, overlap: u64, measure: Measure) -> Result<Self, ToolError> {
        let invalid = |message: String| Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
        if size == 0 || size > MAX_SIZE {
            return invalid(format!("`size` is 1 to {MAX_SIZE}"));
        }
        if overlap >= size {
            return invalid("`overlap` must be less than `size`".to_owned());
        }
        Ok(Self { size, overlap, measure })
    }

    /// How it cuts, in words that are the same for the same way.
    pub(super) fn told(&self) -> String {
        let Self { size, overlap, measure } = self;
        match measure {
            Measure::Characters => format!("{size} characters, {overlap} shared"),
            Measure::Tokens(_, model) => format!("{size} tokens of {model:?}, {overlap} shared"),
        }
    }

    fn weigh(&self, text: &str) -> u64 {
        match &self.measure {
            Measure::Characters => text.chars().count() as u64,
            Measure::Tokens(counter, model) => counter.count(model.as_deref(), text).tokens,
        }
    }
}

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chunk {
    /// Its number, from 0.
    pub index: u64,
    /// Its text.
    pub text: String,
    /// The BLAKE3 hash of its text, 64 hex digits: the same text is known again by it.
    pub hash: String,
    /// Its bytes in the text of the document.
    pub range: Range<usize>,
    /// Where the part stands in which it begins.
    pub start: Place,
    /// Where the part stands in which it ends.
    pub end: Place,
}

/// The pieces of a document, made as they are asked for. Ends of parts and sentences are where they are cut; a sentence that is
/// too long is cut between words, and a word between characters. A section begins a new piece, if the one before is at least half
/// full.
#[derive(Debug)]
pub struct Chunks<'d> {
    text: &'d str,
    parts: &'d [Part],
    how: Chunking,
    windows: Windows,
    /// The next part, and the units of the one before that are still to be taken.
    next: usize,
    units: VecDeque<Range<usize>>,
    ready: VecDeque<Range<usize>>,
    made: u64,
    ended: bool,
}

impl<'d> Chunks<'d> {
    pub(super) fn new(text: &'d str, parts: &'d [Part], how: Chunking) -> Self {
        Self {
            text,
            parts,
            windows: Windows::new(how.size, how.overlap),
            how,
            next: 0,
            units: VecDeque::new(),
            ready: VecDeque::new(),
            made: 0,
            ended: false,
        }
    }

    /// Goes on behind the piece of a number, as after an interruption; with nothing, from the beginning.
    #[must_use]
    pub fn after(mut self, index: Option<u64>) -> Self {
        while let Some(index) = index
            && self.made <= index
            && self.advance().is_some()
        {}
        self
    }

    /// The range of the next piece.
    fn advance(&mut self) -> Option<Range<usize>> {
        loop {
            if let Some(range) = self.ready.pop_front() {
                self.made += 1;
                return Some(range);
            }
            if self.ended {
                return None;
            }
            self.take();
        }
    }

    /// Takes the next unit, or the last window.
    fn take(&mut self) {
        if self.units.is_empty() {
            let Some(part) = self.parts.get(self.next) else {
                self.ended = true;
                self.ready.extend(self.windows.finish());
                return;
            };
            if part.begins && self.windows.weight() >= self.how.size.div_ceil(2) {
                self.ready.extend(self.windows.finish());
            }
            self.next += 1;
            self.units.extend(self.split(part));
        }
        if let Some(unit) = self.units.pop_front() {
            // What stands between two units is in the piece as well.
            let until = self.units.front().map_or_else(
                || self.parts.get(self.next).map_or(unit.end, |part| part.range.start),
                |next| next.start,
            );
            let weight = self.how.weigh(self.text.get(unit.start..until).unwrap_or_default());
            // What only fits without what stands behind it fills a piece by itself.
            let fits = weight <= self.how.size || self.weigh(&unit) > self.how.size;
            let weight = if fits { weight } else { self.how.size };
            self.ready.extend(self.windows.add(unit, weight));
        }
    }

    fn weigh(&self, range: &Range<usize>) -> u64 {
        self.how.weigh(self.text.get(range.clone()).unwrap_or_default())
    }

    /// The sentences of a part; words of those that are too long; characters of these.
    fn split(&self, part: &Part) -> Vec<Range<usize>> {
        let shift = |base: usize, range: Range<usize>| base + range.start..base + range.end;
        let within = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        let mut all = Vec::new();
        for sentence in units::sentences(within(&part.range)) {
            let sentence = shift(part.range.start, sentence);
            if self.weigh(&sentence) <= self.how.size {
                all.push(sentence);
                continue;
            }
            for word in units::words(within(&sentence)) {
                let word = shift(sentence.start, word);
                if self.weigh(&word) <= self.how.size {
                    all.push(word);
                } else {
                    all.extend(units::characters(within(&word)).map(|unit| shift(word.start, unit)));
                }
            }
        }
        all
    }

    fn place(&self, at: usize) -> Place {
        let index = self.parts.partition_point(|part| part.range.start <= at);
        self.parts.get(index.saturating_sub(1)).map(|part| part.place.clone()).unwrap_or_default()
    }
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let index = self.made;
        let range = self.advance()?;
        let text = self.text.get(range.clone()).unwrap_or_default();
        Some(Chunk {
            index,
            text: text.to_owned(),
            hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
            start: self.place(range.start),
            end: self.place(range.end.saturating_sub(1)),
            range,
        })
    }
}
