//! How an index keeps its items: new ones in the store beside what they index, many of them in immutable blobs.
//!
//! An item is written as a *pending* key in the caller's batch, so that an entry and what finds it change in one commit, and is
//! found at once. [`Index::compact`] moves pending items into a *segment*: blobs that never change, named by the *manifest*, one
//! key that is changed by compare-and-set. What is removed or written anew is masked in its segment until that is merged.
//! Opening reads the manifest and its segments; nothing is built again. Any number of handles and processes on one store see
//! each other's commits.
//!
//! What an item is, and how many of them become a segment, is a [`Payload`]'s business; vectors are one, texts another. What both
//! filter by stands here too: [`Attributes`], [`Filter`].
//!
//! # What holds at any point of a crash
//! The blobs of a segment are there before the manifest that names it. The manifest and the removal of the pending keys that went
//! into the segment are one commit. A pending key that was written anew meanwhile stays, and goes before what segments say.
//!
//! ```
//! use ice_core::segments::{Attributes, Filter};
//!
//! let attributes = Attributes { scope: "team".into(), tags: vec!["red".into()], ..Attributes::default() };
//! assert!(Filter::All(vec![Filter::scope("team"), Filter::tag("red")]).accepts(&attributes));
//! assert!(!Filter::Not(Box::new(Filter::tag("red"))).accepts(&attributes));
//! ```

mod attributes;
mod columns;
mod compaction;
mod damage;
mod discard;
mod error;
mod filter;
mod follow;
mod index;
mod item;
mod manifest;
mod options;
mod payload;
mod pending;
mod place;
mod reachable;
mod rows;
mod view;

#[cfg(test)]
mod tests;

pub use attributes::Attributes;
pub use columns::Columns;
pub use compaction::{Compacted, Merge};
pub use damage::{Damage, Reading};
pub use discard::discard;
pub use error::SegmentError;
pub use filter::{Filter, FilterTooDeep};
pub(crate) use follow::offload;
pub use index::Index;
pub use item::ItemId;
pub use options::{Options, Threads};
pub use payload::{Payload, Source};
pub use pending::Pending;
pub use place::{InvalidPlace, Place};
pub use reachable::reachable;
pub use rows::Rows;
pub use view::{Found, Part, View};
