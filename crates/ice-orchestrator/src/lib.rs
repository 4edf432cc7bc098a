//! Plans, runs, journals and executors: from a checked blueprint to a durable run.
//!
//! A blueprint is compiled into a [`workflow::Plan`]; a run is a pure state machine over the plan
//! ([`workflow::runtime`]); its journal ([`journal`]) is the only durable truth about it; the engine drives
//! it, and [`simulation`] tries it under every order of events. Executors never import the runtime: what they need comes in through a context.

pub mod control;
pub mod engine;
pub mod events;
pub mod executors;
pub mod journal;
pub mod process;
pub mod replay;
pub mod simulation;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transfer;
#[cfg(feature = "wasm")]
pub mod wasm;
pub mod workflow;

/// The kinds of node that can be executed; blueprints with others pass the check with a warning.
#[must_use]
pub const fn executable_kinds() -> &'static [ice_core::blueprint::KindName] {
    executors::builtin::KINDS
}
