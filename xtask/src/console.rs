//! What xtask prints: the one place that writes to the terminal.

use std::io::Write;

/// Prints a line to standard output, ahead of anything a child prints next.
#[expect(clippy::print_stdout, reason = "printing is what a command is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
    // A closed pipe (`cargo xtask … | head`) is no reason to stop.
    drop(std::io::stdout().flush());
}

/// Prints a line to standard error.
#[expect(clippy::print_stderr, reason = "printing is what a command is for")]
pub(crate) fn warn(line: &str) {
    eprintln!("{line}");
}

/// Prints a heading that stands out between the output of children.
pub(crate) fn heading(text: &str) {
    say(&format!("\n==> {text}"));
}
