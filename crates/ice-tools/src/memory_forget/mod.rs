//! `memory_forget`: forgets what a key stands for.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
