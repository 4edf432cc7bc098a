//! `query_json`: a part of a JSON value.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, tool};
