//! E-mail addresses.

use std::ops::Range;

use crate::redact::text::{Text, is_letter};

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// The longest domain, in bytes (RFC 5321, 4.5.3.1.2).
const LONGEST_DOMAIN: usize = 255;

/// What pictures and scripts are called, whose names hold an `@` at times: `icon@2x.png`.
const FILES: &[&str] =
    &["png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "json", "html"];

/// The address whose `@` stands at `at`. A quoted local part is not found.
pub(in crate::redact) fn find(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let is_local = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte >= 0x80
            || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'&')
    };
    let begin = text.run_back(at, LONGEST_LOCAL + 1, is_local);
    if at - begin > LONGEST_LOCAL {
        return None;
    }
    let local = text.slice(begin..at);
    // Signs at the begin are those of the sentence, and so are letters that no alphabet has, such as dashes and quotes.
    let local = local.rsplit(|sign: char| !sign.is_ascii() && !is_letter(sign)).next()?;
    let trimmed = local.trim_start_matches(|sign: char| !sign.is_alphanumeric() && sign != '_');
    if trimmed.is_empty() || trimmed.ends_with('.') || trimmed == "git" {
        return None;
    }
    let is_domain = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-');
    let end = text.run(at + 1, LONGEST_DOMAIN, is_domain);
    let domain = text.slice(at + 1..end);
    let domain = domain.split(|sign: char| !sign.is_ascii() && !sign.is_alphanumeric()).next()?;
    let domain = domain.trim_end_matches(['.', '-']);
    let (host, top) = domain.rsplit_once('.')?;
    let is_top = top.chars().count() >= 2
        && (top.chars().all(char::is_alphabetic) || top.starts_with("xn--"))
        && !FILES.contains(&top);
    let is_host =
        host.split('.').all(|label| !label.is_empty() && label.len() <= 63 && !label.starts_with('-'));
    let begin = at - trimmed.len();
    (is_top && is_host && !is_of_url(text, begin)).then(|| begin..at + 1 + domain.len())
}

/// Whether what looks like an address is the user and host of a URL.
fn is_of_url(text: Text<'_>, begin: usize) -> bool {
    let start = text.run_back(begin, 128, |byte| {
        byte > b' ' && !matches!(byte, b'/' | b'"' | b'\'' | b'<' | b'>' | b',' | b';')
    });
    text.back(start, 3) == "://"
}
