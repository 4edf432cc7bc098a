//! Reading a text byte by byte, without a way to read beside it.

use std::ops::Range;

/// A text under scan. Places are bytes; beyond either end stands 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t>(&'t str);

impl<'t> Text<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self(text)
    }

    pub(super) const fn len(self) -> usize {
        self.0.len()
    }

    pub(super) const fn bytes(self) -> &'t [u8] {
        self.0.as_bytes()
    }

    /// The byte at a place.
    pub(super) fn at(self, place: usize) -> u8 {
        self.0.as_bytes().get(place).copied().unwrap_or(0)
    }

    /// The byte before a place.
    pub(super) fn before(self, place: usize) -> u8 {
        place.checked_sub(1).map_or(0, |place| self.at(place))
    }

    /// The text between two places; empty if they are none of it, or within a character.
    pub(super) fn slice(self, range: Range<usize>) -> &'t str {
        self.0.get(range).unwrap_or("")
    }

    /// What follows a place, at most so many bytes of it, cut between characters.
    pub(super) fn after(self, place: usize, most: usize) -> &'t str {
        self.slice(place..self.floor(place.saturating_add(most)))
    }

    /// What stands before a place, at most so many bytes of it, cut between characters.
    pub(super) fn back(self, place: usize, most: usize) -> &'t str {
        self.slice(self.ceil(place.saturating_sub(most))..place)
    }

    /// The end of the bytes of a class that begin at a place, at most so many.
    pub(super) fn run(self, place: usize, most: usize, class: impl Fn(u8) -> bool) -> usize {
        let bytes = self.bytes().get(place..).unwrap_or(&[]);
        place + bytes.iter().take(most).take_while(|byte| class(**byte)).count()
    }

    /// The begin of the bytes of a class that end at a place, at most so many.
    pub(super) fn run_back(self, place: usize, most: usize, class: impl Fn(u8) -> bool) -> usize {
        let bytes = self.bytes().get(..place).unwrap_or(&[]);
        place - bytes.iter().rev().take(most).take_while(|byte| class(**byte)).count()
    }

    /// Whether a word may begin at a place: what stands before is no part of one.
    pub(super) fn begins_word(self, place: usize) -> bool {
        match self.before(place) {
            ascii @ 0..0x80 => !is_word(ascii),
            _ => !self.back(place, 4).chars().next_back().is_some_and(is_letter),
        }
    }

    /// Whether a word may end at a place: what stands there is no part of one.
    pub(super) fn ends_word(self, place: usize) -> bool {
        match self.at(place) {
            ascii @ 0..0x80 => !is_word(ascii),
            _ => !self.after(place, 4).chars().next().is_some_and(is_letter),
        }
    }

    /// A range widened to whole characters.
    pub(super) fn whole(self, range: &Range<usize>) -> Range<usize> {
        self.floor(range.start)..self.ceil(range.end)
    }

    fn floor(self, place: usize) -> usize {
        self.0.floor_char_boundary(place.min(self.len()))
    }

    fn ceil(self, place: usize) -> usize {
        self.0.ceil_char_boundary(place.min(self.len()))
    }
}

/// Whether a byte is a part of words: letters and digits of any script, and `_`.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a sign is a letter or digit of a script that sets spaces between words. Others may stand right beside a number.
pub(super) fn is_letter(sign: char) -> bool {
    sign.is_alphanumeric() && sign < '\u{2e80}'
}

/// Whether one of these words stands on its own in the bytes before a place, at most so many. They are written small.
pub(super) fn is_near(text: Text<'_>, place: usize, most: usize, words: &[&str]) -> bool {
    let before = text.back(place, most);
    // Between numbers there are no words to be looked for.
    if !before.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80) {
        return false;
    }
    let before = before.to_lowercase();
    let bytes = before.as_bytes();
    let is_letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    words.iter().any(|word| {
        before.match_indices(word).any(|(at, _)| {
            !is_letter(at.checked_sub(1).and_then(|at| bytes.get(at)))
                && !is_letter(bytes.get(at + word.len()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_beside_the_text_gives_nothing() {
        let text = Text::new("aß1");
        assert_eq!((text.at(9), text.before(0), text.slice(2..9), text.after(9, 3)), (0, 0, "", ""));
        assert_eq!((text.back(3, 1), text.back(3, 2), text.after(1, 1)), ("", "ß", ""));
        assert_eq!((text.run(0, 9, |byte| byte >= b'a'), text.run_back(4, 9, is_word)), (3, 0));
    }

    #[test]
    fn a_range_is_widened_to_whole_characters() {
        assert_eq!((Text::new("aßb").whole(&(2..3)), Text::new("aßb").whole(&(0..2))), (1..3, 0..3));
    }

    #[test]
    fn a_word_is_near_only_as_a_word() {
        let text = Text::new("customer_ssn: 1");
        assert!(is_near(text, 14, 64, &["ssn"]) && !is_near(text, 14, 64, &["sn", "custom"]));
    }
}
