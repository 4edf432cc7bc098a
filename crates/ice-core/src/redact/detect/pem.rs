//! Private keys.

use std::ops::Range;

use memchr::memmem;

use crate::redact::text::Text;

/// Finds private keys in PEM, from places that ascend.
#[derive(Debug, Default)]
pub(in crate::redact) struct Pem {
    until: usize,
}

pub(in crate::redact) const BEGIN: &str = "-----BEGIN ";
const END: &[u8] = b"-----END ";

impl Pem {
    /// The key that begins at `at`; one that has no end goes to that of the text.
    pub(in crate::redact) fn find(&mut self, text: Text<'_>, at: usize) -> Option<Range<usize>> {
        if at < self.until || text.slice(at..at + BEGIN.len()) != BEGIN {
            return None;
        }
        let mut end = is_private(text, at + BEGIN.len())?;
        loop {
            let rest = text.bytes().get(end..).unwrap_or(&[]);
            let Some(found) = memmem::find(rest, END) else {
                end = text.len();
                break;
            };
            let label = end + found + END.len();
            if let Some(closed) = is_private(text, label) {
                end = closed;
                break;
            }
            end = label;
        }
        self.until = end;
        Some(at..end)
    }
}

/// Where the line that names a private key ends.
fn is_private(text: Text<'_>, at: usize) -> Option<usize> {
    let end = text.run(at, 64, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    (text.slice(at..end).contains("PRIVATE KEY") && text.slice(end..end + 5) == "-----").then_some(end + 5)
}
