//! `write_text`: writes a text into a file.

mod tool;

#[cfg(test)]
mod tests;

pub(crate) use tool::effect;
pub use tool::{Input, Output, tool};
