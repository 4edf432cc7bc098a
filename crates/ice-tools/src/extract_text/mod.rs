//! `extract_text`: the text of a document, in pieces with their places.

mod tool;

pub use tool::{By, Input, Output, Piece, tool};

#[cfg(test)]
mod tests;
