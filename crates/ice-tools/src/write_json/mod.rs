//! `write_json`: writes a value into a JSON file.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, tool};
