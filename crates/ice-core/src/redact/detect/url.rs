//! Credentials in URLs.

use std::ops::Range;

use crate::redact::text::Text;

/// The longest user and password, in bytes.
const LONGEST: usize = 1_024;

/// The user and password of the URL whose `://` stands at `at`.
pub(in crate::redact) fn find(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    if !text.before(at).is_ascii_alphanumeric() {
        return None;
    }
    let begin = at + 3;
    let outside = |byte: u8| {
        byte <= b' '
            || matches!(
                byte,
                b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'`'
            )
    };
    let end = text.run(begin, LONGEST, |byte| !outside(byte));
    // A password that holds an `@` should have it encoded; the host comes after the last one.
    let at = begin + text.slice(begin..end).rfind('@')?;
    let (_, password) = text.slice(begin..at).split_once(':')?;
    let is_said = !password.is_empty() && !password.starts_with(['$', '%', '*']) && at < end;
    // `%24` and the like begin passwords; `%VARIABLE%` and `%s` do not.
    let is_encoded = password.get(1..3).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (is_said || (password.starts_with('%') && is_encoded && at < end)).then_some(begin..at)
}
