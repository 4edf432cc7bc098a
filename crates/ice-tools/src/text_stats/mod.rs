//! `text_stats`: counts the words and sentences of a text.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, WordCount, tool};
