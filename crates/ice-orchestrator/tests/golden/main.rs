//! Journals that were written once and must resume for ever.

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;

#[cfg(test)]
mod journals;
