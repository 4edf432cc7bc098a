//! `read_json`: the value of a JSON file or text.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
