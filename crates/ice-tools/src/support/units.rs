//! The units of a text, as ranges of bytes.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Extended grapheme clusters.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.grapheme_indices(true).map(|(start, unit)| start..start + unit.len())
}

/// Words between white space.
pub(crate) fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    within(text, text.split_whitespace())
}

/// Sentences by UAX 29, without the white space around them.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    within(text, text.split_sentence_bounds().map(str::trim).filter(|sentence| !sentence.is_empty()))
}

/// Runs of lines that are not empty, without the white space around them.
pub(crate) fn paragraphs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut lines = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    });
    std::iter::from_fn(move || {
        let mut found: Option<Range<usize>> = None;
        for (start, line) in lines.by_ref() {
            let trimmed = line.trim();
            match (&mut found, trimmed.is_empty()) {
                (None, true) => {}
                (Some(_), true) => break,
                (None, false) => {
                    let first = start + (line.len() - line.trim_start().len());
                    found = Some(first..first + trimmed.len());
                }
                (Some(range), false) => range.end = start + line.trim_end().len(),
            }
        }
        found
    })
}

/// Where parts of a text stand in it.
fn within<'t>(
    text: &'t str,
    parts: impl Iterator<Item = &'t str> + 't,
) -> impl Iterator<Item = Range<usize>> + 't {
    let base = text.as_ptr().addr();
    parts.map(move |part| {
        let start = part.as_ptr().addr() - base;
        start..start + part.len()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<I: Iterator<Item = Range<usize>>>(text: &str, units: I, expected: &[&str]) {
        let found: Vec<&str> = units.map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn units_are_what_people_take_them_for() {
        let text = "e\u{301}👨‍👩‍👧a";
        check(text, characters(text), &["e\u{301}", "👨‍👩‍👧", "a"]);
        let text = "  one two,\tthree ";
        check(text, words(text), &["one", "two,", "three"]);
        let text = " It is 3.5 m. Really? Yes! ";
        check(text, sentences(text), &["It is 3.5 m.", "Really?", "Yes!"]);
        let text = "\n a\nb \n \n\nc\r\n\r\n  d";
        check(text, paragraphs(text), &["a\nb", "c", "d"]);
        check("", paragraphs(""), &[]);
    }

    proptest! {
        #[test]
        fn units_lie_in_order_within_the_text(text in "[ab .\\n\\rä\u{301}]{0,40}") {
            for units in [
                characters(&text).collect::<Vec<_>>(), words(&text).collect(), sentences(&text).collect(),
                paragraphs(&text).collect(),
            ] {
                let mut last = 0;
                for range in units {
                    prop_assert!(range.start >= last && range.end > range.start && text.get(range.clone()).is_some());
                    last = range.end;
                }
            }
        }
    }
}
