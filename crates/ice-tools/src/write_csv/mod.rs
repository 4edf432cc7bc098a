//! `write_csv`: writes rows into a CSV file.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, tool};
