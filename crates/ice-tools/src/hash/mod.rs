//! `hash`: the hash of a file or text.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Algorithm, Input, Output, tool};
