//! `memory_read`: looks up what a key stands for.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
