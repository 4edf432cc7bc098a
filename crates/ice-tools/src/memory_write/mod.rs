//! `memory_write`: remembers something beyond the run.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
