//! Reading blueprints from JSON and YAML: every problem at once, each with its place in the text.

mod choice;
mod document;
mod fields;
mod format;
mod leftovers;
mod line;
mod node;
mod reach;
mod reading;
mod references;
mod seed;
mod source;
mod span;
mod synonyms;
mod tags;
#[cfg(test)]
mod tests;
mod wording;
mod written;

pub(crate) use fields::{Context, Fields};
pub use format::Format;
pub(crate) use node::{DecodedNode, DecodedScope, IdList, ScopeField};
pub use reach::Reached;
pub use reading::{MAX_DEPTH, MAX_TEXT_BYTES, Reading, read, read_value};
pub(crate) use source::Origin;
pub use source::{Locator, Source};
pub(crate) use wording::wrong_type;
pub(crate) use written::{Unreadable, Written};
