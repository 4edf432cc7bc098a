//! The run as a pure state machine: `decide` says what happens next, `apply` folds what happened.
//!
//! No clock, no I/O and no async code in here. Drivers own the rest: they stamp records with a time, keep
//! them, carry commands out and report what came of them.

mod admission;
mod apply;
mod asking;
mod budget;
mod container;
mod decide;
mod ending;
mod failing;
mod frame;
mod input;
#[cfg(test)]
mod iterations;
mod nested;
mod queue;
mod scope;
mod state;
mod under_way;
mod watching;

pub use apply::{ApplyError, apply};
pub use decide::decide;
pub use input::{Command, Decided, Input, Start, Ticket};
pub use state::{NodeStatus, State};

pub(crate) use admission::counts;
pub(crate) use apply::apply_body;
pub(crate) use budget::{Spending, does_not_allow};
pub(crate) use container::Container;
pub(crate) use decide::{MAX_VALUE_DEPTH, begin_of, decide_into};
pub(crate) use failing::{cancelled, is_instead_of, not_kept, timeout_failure, without_suffix};
pub(crate) use frame::{NodeState, Place};
pub(crate) use watching::Phase;
