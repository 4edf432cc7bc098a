//! `list_files`: what is in a folder.

mod tool;

#[cfg(test)]
mod tests;

pub use tool::{Input, Item, Output, tool};
