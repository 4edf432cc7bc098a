//! `memory_search`: searches memory.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Found, Input, Output, tool};
