//! Where the nodes and edges of a graph stand in a picture.
//!
//! A layered drawing: nodes stand below what they depend on, long edges keep clear of boxes, containers hold
//! the drawings of their scopes. Deterministic; the work is bounded for every graph.

mod net;
mod order;
mod picture;
mod position;
mod rank;
mod scope;
mod text;

pub(super) use picture::Shift;
pub use picture::{Layout, PlacedNode, PlacedScope, Point, Rect, Route};
pub use scope::layout;
pub(super) use text::{DETAIL, TITLE, fit};
