//! Workflows: the compiled plan, its graph, and the run over it as a state machine.

mod absent;
mod change;
mod compile;
mod estimate;
pub mod graph;
mod graph_utils;
pub(crate) mod model;
mod pin;
pub mod runtime;

pub use change::set_field;
pub use compile::{CompileError, compile, compile_locked};
pub use estimate::{NodeEstimate, Range, RunEstimate, estimate};
pub use model::Plan;

pub(crate) use pin::{CHANGED, compile_pinned, compile_to_read};
