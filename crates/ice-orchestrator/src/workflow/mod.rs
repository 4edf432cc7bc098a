//! Workflows: the compiled plan, its graph, and the run over it as a state machine.

mod graph_utils;
pub(crate) mod model;
pub mod runtime;

pub use model::Plan;
