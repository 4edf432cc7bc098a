//! What words a text is found by.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::segments::{Damage, Reading};

/// The longest term, in bytes; what is longer is cut there, at the end of a character.
const MAX_TERM_BYTES: usize = 64;
/// The most words of a text that are looked at; it is found by these.
const MAX_WORDS: usize = 1 << 18;
/// From here on there are scripts that put no space between words.
const UNSPACED: char = '\u{e00}';

/// The terms of a text, each with how often it occurs.
///
/// A term is a word by the rules of Unicode (UAX 29), in lower case, decomposed (NFKD) and without marks: `Café` and `CAFE` are
/// the same one. Nothing is stemmed and nothing is left out, so that every language is treated alike. Where a script puts no
/// space between words, so that the rules see one character at a time, two that stand side by side are a term as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    counts: BTreeMap<Box<str>, u32>,
    length: u32,
}

impl Terms {
    /// The terms of a text. Takes time in proportion to its length.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut terms = Self::default();
        let mut before: Option<(usize, String)> = None;
        for (at, word) in text.unicode_word_indices().take(MAX_WORDS) {
            let term = folded(word);
            if term.is_empty() {
                continue;
            }
            if word.starts_with(|first| first >= UNSPACED) {
                if let Some((end, previous)) = &before
                    && *end == at
                {
                    terms.add(format!("{previous}{term}"));
                }
                before = Some((at + word.len(), term.clone()));
            }
            terms.add(term);
        }
        terms
    }

    fn add(&mut self, mut term: String) {
        term.truncate(term.floor_char_boundary(MAX_TERM_BYTES));
        let count = self.counts.entry(term.into_boxed_str()).or_default();
        *count = count.saturating_add(1);
        self.length = self.length.saturating_add(1);
    }

    /// Terms and how often each occurs, in the order of the terms.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u32)> {
        self.counts.iter().map(|(term, count)| (&**term, *count))
    }

    /// How often a term occurs.
    #[must_use]
    pub fn count(&self, term: &str) -> u32 {
        self.counts.get(term).copied().unwrap_or_default()
    }

    /// How many terms there are, repeated ones included.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Writes them as bytes, for what is pending.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&u32::try_from(self.counts.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (term, count) in self.iter() {
            // Their length is bounded.
            out.push(u8::try_from(term.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(term.as_bytes());
            out.extend_from_slice(&count.to_le_bytes());
        }
    }

    /// Reads what [`Terms::encode`] has written.
    pub(super) fn decode(reading: &mut Reading<'_>) -> Result<Self, Damage> {
        let mut terms = Self::default();
        for _ in 0..reading.count("a number of terms")? {
            let length = reading.u8("the length of a term")?;
            let term = reading.take(length.into(), "a term")?;
            let term = str::from_utf8(term).map_err(|_| reading.damage("a term"))?;
            let count = reading.u32("a count")?;
            terms.length = terms.length.saturating_add(count);
            terms.counts.insert(Box::from(term), count);
        }
        Ok(terms)
    }
}

/// The words of a text as they are compared, in their order, with a space between: texts that differ in nothing but case, marks and
/// signs have the same.
#[must_use]
pub fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.unicode_words().map(folded).filter(|word| !word.is_empty()) {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.push_str(&word);
    }
    normal
}

/// A word as it is compared.
fn folded(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    word.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, u32)]) {
        let terms = Terms::of(text);
        assert_eq!(terms.iter().collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(terms.length(), expected.iter().map(|(_, count)| count).sum::<u32>());
    }

    #[test]
    fn words_are_compared_without_case_and_marks() {
        check("Café CAFE cafe\u{301}!", &[("cafe", 3)]);
        check("ﬁne ＡＢＣ", &[("abc", 1), ("fine", 1)]);
        check("don't, e-mail 192.168.0.1", &[("192.168.0.1", 1), ("don't", 1), ("e", 1), ("mail", 1)]);
        check(" \u{301} …", &[]);
    }

    #[test]
    fn where_words_are_not_spaced_neighbours_are_terms_too() {
        check("猫が", &[("か", 1), ("猫", 1), ("猫か", 1)]);
        check("猫 が", &[("か", 1), ("猫", 1)]);
        assert!(Terms::of("ภาษาไทย").iter().any(|(term, _)| term.chars().count() > 1));
    }

    #[test]
    fn texts_that_differ_in_signs_alone_are_the_same_when_compared() {
        assert_eq!(normal("The café: it's open!"), normal("the CAFE\u{301}, it's open"));
        assert_ne!(normal("open the door"), normal("the door open"));
        assert_eq!(normal(" … "), "");
    }

    #[test]
    fn a_word_without_end_is_cut() {
        let terms = Terms::of(&"é".repeat(1_000));
        assert_eq!(terms.iter().collect::<Vec<_>>(), [(&*"e".repeat(64), 1)]);
    }
}
