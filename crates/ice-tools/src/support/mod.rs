//! What several tools need: work off the async threads, bounded reading, sources, tables.

mod blocking;
mod source;
mod watched;

#[cfg(test)]
pub(crate) mod testing;

pub(crate) use blocking::blocking;
pub(crate) use source::{Decoding, Source, decode, read_all};
