//! `chunk_text`: cuts a text into pieces that may overlap.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Chunk, Input, Output, Unit, tool};
