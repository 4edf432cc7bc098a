//! IP addresses.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::redact::text::{Text, is_near};

/// What comes before numbers that only look like an address.
const VERSIONS: &[&str] =
    &["version", "v", "ver", "release", "build", "firmware", "section", "clause", "kapitel", "abschnitt"];

/// The address, version 4, whose first digit stands at `at`. Those of the machine itself, and of nobody, are not found.
pub(in crate::redact) fn version_4(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let end = text.run(at, 16, |byte| byte.is_ascii_digit() || byte == b'.');
    let end = text.run_back_dots(end);
    let before = text.before(at);
    let goes_on = before == b'.' && at > 1 && text.at(at - 2).is_ascii_digit();
    if is_part(before)
        || goes_on
        || is_part(text.at(end))
        || matches!(text.at(end), b'.' if text.at(end + 1).is_ascii_digit())
    {
        return None;
    }
    let address: Ipv4Addr = text.slice(at..end).parse().ok()?;
    let says_nothing = address.is_loopback() || address.is_unspecified() || address.is_broadcast();
    let is_version = is_near(text, at, 12, VERSIONS);
    (!says_nothing && !is_version).then_some(at..end)
}

/// The address, version 6, in which a `:` stands at `at`, if this is its first one.
pub(in crate::redact) fn version_6(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let begin = text.run_back(at, 5, |byte| byte.is_ascii_hexdigit());
    let before = text.before(begin);
    if is_part(before) || matches!(before, b':' | b'.') {
        return None;
    }
    let end = text.run(at, 46, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    let mut end = text.run_back_dots(end);
    // A colon behind is that of the sentence, but for the two that an address may end with.
    if text.slice(begin..end).ends_with(':') && !text.slice(begin..end).ends_with("::") {
        end -= 1;
    }
    if is_part(text.at(end)) {
        return None;
    }
    let shown = text.slice(begin..end);
    // Names in programs are written `a::b`.
    if !shown.bytes().any(|byte| byte.is_ascii_digit()) || shown.matches(':').count() < 2 {
        return None;
    }
    let address: Ipv6Addr = shown.parse().ok()?;
    (!address.is_loopback() && !address.is_unspecified()).then_some(begin..end)
}

const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Text<'_> {
    /// A place without the full stops before it.
    fn run_back_dots(self, end: usize) -> usize {
        self.run_back(end, 4, |byte| byte == b'.')
    }
}
