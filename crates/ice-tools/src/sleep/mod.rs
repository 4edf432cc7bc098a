//! `sleep`: waits.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
