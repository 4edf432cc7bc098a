//! JSON web tokens.

use std::ops::Range;

use crate::redact::text::Text;

/// Finds tokens, from places that ascend.
#[derive(Debug, Default)]
pub(in crate::redact) struct Tokens {
    until: usize,
}

impl Tokens {
    /// The token that begins at `at` with `eyJ`: three parts, or the five of an encrypted one.
    pub(in crate::redact) fn find(&mut self, text: Text<'_>, at: usize) -> Option<Range<usize>> {
        // What begins within a part was looked at with it: the parts behind are the same.
        if at < self.until || !text.begins_word(at) || text.slice(at..at + 3) != "eyJ" {
            return None;
        }
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let header = text.run(at, usize::MAX, is_part);
        self.until = header;
        let (mut end, mut parts, mut claims) = (header, 1, false);
        while parts < 5 && text.at(end) == b'.' {
            let next = text.run(end + 1, usize::MAX, is_part);
            // All parts of an encrypted token are there but perhaps the second, its key.
            if next < end + 9 && parts != 1 {
                break;
            }
            claims |= parts == 1 && text.slice(end + 1..end + 4) == "eyJ" && next >= end + 12;
            (end, parts) = (next, parts + 1);
        }
        let is_token = header - at >= 11 && ((parts >= 3 && claims) || parts == 5);
        self.until = if is_token { end } else { header };
        is_token.then_some(at..end)
    }
}
