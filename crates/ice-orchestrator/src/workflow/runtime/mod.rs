//! The run as a pure state machine: `decide` says what happens next, `apply` folds what happened.
//!
//! No clock, no I/O and no async code in here. Drivers own the rest: they stamp records with a time, keep
//! them, carry commands out and report what came of them.

mod apply;
mod container;
mod decide;
mod frame;
mod queue;
mod scope;
mod state;
#[cfg(test)]
mod tests;

pub use apply::{ApplyError, apply};
pub use decide::{Command, Decided, Input, Start, Ticket, decide};
pub use state::{NodeFailure, NodeStatus, State};

pub(crate) use container::{Container, NewFrame, Slot};
pub(crate) use decide::{MAX_VALUE_DEPTH, cancelled, timeout_failure};
pub(crate) use frame::{FrameIndex, NodeState, Place};
pub(crate) use scope::{Env, list};
