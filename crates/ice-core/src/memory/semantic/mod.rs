//! What is known: facts, the things they are about, and how these are related.

mod facade;
mod graph;
mod learning;

pub use facade::{SemanticMemory, fact, fact_of};
pub use graph::{Edge, Graph, MAX_DEPTH, Node, Related};
