//! Whole files through reading and checking.

pub(super) mod catalog;
mod mistakes;
mod structure;
