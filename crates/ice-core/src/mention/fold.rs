//! Texts made equal that are read as the same.

use unicode_normalization::UnicodeNormalization;

/// A text in one way of writing: compatibility forms composed (NFKC), case folded (by way of upper case, so that `ß` is `ss` and a
/// final sigma is a sigma), white space in a row as one space, and without characters that are not seen.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return spaced(text.chars().map(|one| one.to_ascii_lowercase()), text.len());
    }
    let seen = text.nfkc().filter(|one| !is_unseen(*one));
    let cased = seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    spaced(cased.nfkc(), text.len())
}

fn spaced(characters: impl Iterator<Item = char>, length: usize) -> String {
    let mut folded = String::with_capacity(length);
    for one in characters {
        if !one.is_whitespace() {
            folded.push(one);
        } else if !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded
}

/// Soft hyphens, joiners, marks of direction and of byte order.
const fn is_unseen(one: char) -> bool {
    matches!(one, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}
