//! A test kit for people who write workflows and tools: scripted models, recorded cassettes, time that passes by itself,
//! crashes at every record, failing tools and stores, answers of people, and assertions on what happened.
//!
//! A [`Kit`] holds what a test needs, [`Kit::run`] runs a blueprint in it to its end, and the [`Ran`] that comes of it tells
//! what happened. [`Kit::crash_everywhere`] and [`Kit::cancel_everywhere`] try a blueprint with a crash, or a cancellation,
//! at every record of its journal. [`ToolTest`] is for tools alone. `docs/testing.md` is the tutorial.
//!
//! All of it panics where a test has to fail, and needs no runtime: every life of an engine has its own, whose time is
//! paused.

mod calls;
mod cancelling;
mod cassette;
mod clock;
mod comparing;
mod crashing;
mod fault;
mod ground;
mod heard;
mod kit;
mod life;
mod ran;
mod redaction;
mod store;
mod tool;
mod world;

pub use calls::{Call, Callee};
pub use cancelling::CancelReport;
pub use cassette::Cassette;
pub use crashing::CrashReport;
pub use fault::{Crash, Fails, Side, StoreFault};
pub use kit::Kit;
pub use ran::Ran;
pub use tool::ToolTest;

/// A test has failed.
#[track_caller]
#[expect(clippy::panic, reason = "that is how a test says so")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

/// What a test cannot go on without.
#[track_caller]
fn or_fail<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(&error.to_string()),
    }
}

/// The tutorial, whose examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/testing.md")]
struct Tutorial;
