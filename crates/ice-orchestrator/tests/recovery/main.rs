//! Runs that survive: crashes at any point, other engines, cancellation, stores that fail.

#[path = "../common/mod.rs"]
mod common;

mod cancelled;
mod crashed;
mod owned;
mod power;
mod started;
mod world;
