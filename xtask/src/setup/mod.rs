//! `cargo xtask setup`: what tests and guards need beyond Rust. Everything lands in the project's own target
//! folder, and the system is not touched, but for the interpreters that cages show: these lie below `/usr`.

mod asset;
mod assets;
mod debian;
mod install;
mod npm;
mod python;
mod tool;
mod tools;
mod wheel;

pub(crate) use install::{ensure, run, run_for_tests};
#[cfg(test)]
pub(crate) use tool::Need;
pub(crate) use tool::Tool;
pub(crate) use tools::{CARGO_DENY, CARGO_FUZZ, CARGO_SHEAR, LLVM, MCP_CONFORMANCE, PROMTOOL};
