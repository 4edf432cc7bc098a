//! How each kind of node is carried out. Executors never import the runtime: what they need comes in
//! through an environment for rendering and a context for effects.

mod answer;
pub(crate) mod builtin;
mod context;
mod env;
mod frame;
mod policy;
mod watch;

pub use context::{Asking, Completion, Observation, StepContext, TransientEvent, TransientSink};

pub(crate) use answer::fit;
pub(crate) use builtin::agent::MAX_CHOICES;
pub(crate) use context::StepPort;
pub(crate) use env::{Env, Names};
pub(crate) use frame::{FrameIndex, NewFrame, Slot};
pub(crate) use policy::inspected;
