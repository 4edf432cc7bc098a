//! `read_text`: the text of a file.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
