//! How each kind of node is carried out. Executors never import the runtime: what they need comes in
//! through an environment for rendering and a context for effects.

mod answer;
pub(crate) mod builtin;
mod context;

pub use context::{Completion, StepContext, TransientEvent, TransientSink};

pub(crate) use context::{Perform, StepPort};
