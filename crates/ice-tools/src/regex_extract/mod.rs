//! `regex_extract`: what a pattern finds in a text.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Group, Input, Match, Output, tool};
