//! `memory_summarize`: sums up what is remembered, by sentences of it.

mod extract;
mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Output, Style, tool};
