//! `read_csv`: the rows of a CSV file or text.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
