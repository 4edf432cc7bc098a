//! Whole files through reading and checking.

mod catalog;
mod mistakes;
mod structure;
