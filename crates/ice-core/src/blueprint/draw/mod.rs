//! Pictures of blueprints: Mermaid text, and a layout that is drawn as SVG.
//!
//! A picture is made from a [`Graph`], so that neither form depends on how dependencies were resolved, and
//! takes [`Marks`] that say how nodes stand in a run or in a draft. All of it is pure and deterministic; no
//! text of a blueprint can break out of the form it is drawn in.

mod describe;
mod graph;
mod layout;
mod mark;
mod mermaid;
mod svg;
#[cfg(test)]
mod tests;

pub use graph::{Edge, EdgeKind, Graph, GraphNode, GraphScope, MAX_DRAWN_DEPTH, NodeLinks, ScopeLinks};
pub use layout::{Layout, PlacedNode, PlacedScope, Point, Rect, Route, layout};
pub use mark::{Mark, Marks};
pub use mermaid::{Direction, DrawOptions, mermaid};
pub use svg::svg;
