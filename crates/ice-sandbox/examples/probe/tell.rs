//! Saying what was achieved (`ok NAME`) and what was refused (`no NAME: why`), a line each.

use std::io;
use std::io::Write as _;

/// Says how an attempt went.
pub(crate) fn tried<T>(name: &str, result: io::Result<T>) -> Option<T> {
    match result {
        Ok(done) => {
            say(&format!("ok {name}"));
            Some(done)
        }
        Err(error) => {
            say(&format!("no {name}: {error}"));
            None
        }
    }
}

/// Says a line at once: whoever says it may be killed the next moment.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// What a call of the system returned: an error if it is -1.
pub(crate) fn call(returned: libc::c_long) -> io::Result<libc::c_long> {
    if returned == -1 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// The number at this place of the arguments, 0 if there is none.
pub(crate) fn number(arguments: &[&str], at: usize) -> usize {
    arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The text at this place of the arguments, empty if there is none.
pub(crate) fn text<'a>(arguments: &[&'a str], at: usize) -> &'a str {
    arguments.get(at).copied().unwrap_or_default()
}

/// A text as the system takes it.
pub(crate) fn c(text: &str) -> std::ffi::CString {
    std::ffi::CString::new(text).unwrap_or_default()
}
