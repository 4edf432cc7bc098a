//! What stands in the place of something that was redacted, and how it is known again.

use std::ops::Range;

use super::text::Text;

/// The longest label.
const LONGEST_LABEL: usize = 40;
/// The digits of a hash.
pub(super) const HASH_DIGITS: usize = 16;

/// The text for something that was masked.
pub(super) fn masked(label: &str) -> String {
    format!("[redacted: {label}]")
}

/// The text for something of which a hash is left.
pub(super) fn hashed(label: &str, hash: &blake3::Hash) -> String {
    let hex = hash.to_hex();
    format!("[{label}:{}]", hex.get(..HASH_DIGITS).unwrap_or(""))
}

/// Where such texts stand, and the tokens of a vault, `[email:v1:…]`.
pub(super) fn find(text: Text<'_>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr_iter(b'[', text.bytes()) {
        if found.last().is_some_and(|last| at < last.end) {
            continue;
        }
        if let Some(end) = end(text, at + 1) {
            found.push(at..end);
        }
    }
    found
}

/// Whether something was redacted in a text.
pub(crate) fn is_redacted(text: &str) -> bool {
    !find(Text::new(text)).is_empty()
}

fn end(text: Text<'_>, at: usize) -> Option<usize> {
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let label = text.run(at, LONGEST_LABEL, is_label);
    if label == at || text.at(label) != b':' {
        return None;
    }
    let end = if text.slice(at..label) == "redacted" && text.at(label + 1) == b' ' {
        let named = text.run(label + 2, LONGEST_LABEL, is_label);
        if named == label + 2 { label } else { named }
    } else if text.slice(label..label + 4) == ":v1:" {
        let token = text
            .run(label + 4, usize::MAX, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if token < label + 4 + 76 { label } else { token }
    } else {
        let hash =
            text.run(label + 1, HASH_DIGITS + 1, |byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        if hash == label + 1 + HASH_DIGITS { hash } else { label }
    };
    (text.at(end) == b']').then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_put_in_a_place_is_known_again() {
        let token = "A".repeat(76);
        for (text, is_one) in [
            ("[redacted: github_token]", true),
            ("[email:0123456789abcdef]", true),
            (&*format!("[email:v1:{token}]"), true),
            ("[redacted: ada@example.org]", false),
            ("[redacted: ]", false),
            ("[redacted:email]", false),
            ("[email:0123456789abcde]", false),
            ("[email:0123456789abcdef0]", false),
            ("[email:v1:short]", false),
            ("[email]", false),
        ] {
            let found = find(Text::new(text));
            assert_eq!(found.first().cloned(), is_one.then_some(0..text.len()), "{text}");
            assert!(found.len() <= 1, "{text}");
        }
    }
}
