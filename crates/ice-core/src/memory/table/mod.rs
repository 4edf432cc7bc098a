//! The table that holds entries of all kinds, over any store: one task writes, everybody reads.

mod counters;
mod draft;
mod ending;
mod join;
mod marks;
mod memory;
mod mentioned;
mod metrics;
mod operation;
mod options;
mod places;
mod position;
mod properties;
mod reachable;
mod read;
mod record;
mod redacted;
mod rules;
mod select;
mod term;
mod transfer;
mod writer;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(test)]
mod tests;

pub use memory::Memory;
pub use options::MemoryOptions;
pub(super) use position::Position;
pub(super) use properties::{properties, wanted};
pub use reachable::reachable;
pub use transfer::{EXPORT_VERSION, ExportWhat, Imported, Importer};
