//! Too much output, and streams that are closed.

use std::io::Write as _;

use crate::processes::{fork, stay};
use crate::tell::{call, number, say, text};

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    match name {
        "shout" => shout(text(arguments, 0), number(arguments, 1)),
        "close-and-sleep" => close_and_sleep(),
        "say-then-sleep" => {
            say("ok said");
            stay()
        }
        "descriptors" => descriptors(),
        _ => return false,
    }
    true
}

/// So many MiB to standard output (`out`), standard error (`err`), or both at once (`both`).
fn shout(to: &str, mib: usize) {
    let is_error = match to {
        "out" => false,
        "err" => true,
        _ => matches!(fork(), Ok(None)),
    };
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..mib {
        let written =
            if is_error { std::io::stderr().write_all(&piece) } else { std::io::stdout().write_all(&piece) };
        if written.is_err() {
            return;
        }
    }
}

fn close_and_sleep() {
    say("ok closing");
    for stream in 0..=2 {
        // SAFETY: nothing writes to them afterwards.
        let _ = call(unsafe { libc::close(stream) }.into());
    }
    stay()
}

/// The descriptors that are open.
fn descriptors() {
    for descriptor in 0..1_024 {
        // SAFETY: asks for a flag.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } >= 0 {
            say(&format!("open {descriptor}"));
        }
    }
}
