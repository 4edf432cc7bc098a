//! A program that tries to get out of its cage, for the tests: it says what it was able to do, and what it was refused.
//!
//! It does nothing unless its environment holds the token that the harness of the tests sets.

#![expect(clippy::print_stderr, reason = "who starts it by hand is told why it does nothing")]
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "it makes the calls that no library makes"))]

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(target_os = "linux")]
mod suid;
#[cfg(target_os = "linux")]
mod tell;
#[cfg(target_os = "linux")]
mod victims;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    let token = std::env::var_os("ICE_SANDBOX_PROBE");
    if token.is_none_or(|token| token != "the tests of ice-sandbox ask for it") {
        eprintln!("this program attacks the machine it runs on; only the tests of ice-sandbox start it");
        return ExitCode::from(2);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((attack, rest)) = arguments.split_first() else { return ExitCode::from(2) };
    let known = processes::attack(attack, rest)
        || memory::attack(attack, rest)
        || files::attack(attack, rest)
        || suid::attack(attack, rest)
        || sockets::attack(attack, rest)
        || victims::attack(attack, rest)
        || kernel::attack(attack, rest)
        || output::attack(attack, rest);
    if known { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
