//! Runs that survive: crashes at any point, other engines, cancellation, stores that fail.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod cancelled;
mod crashed;
mod owned;
mod power;
mod started;
mod world;
