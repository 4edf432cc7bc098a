//! Whole files through reading and checking.

pub(crate) mod catalog;
mod mistakes;
mod references;
mod structure;
