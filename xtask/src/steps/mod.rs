//! What CI does, step by step: builds, tests and checks by other programs, and the guards.

mod advisories;
mod alerts;
mod cache;
mod ci;
mod core_alone;
mod coverage;
mod deny;
mod examples;
mod fuzz;
mod mcp_client;
mod peers;
mod step;
mod test;
mod unused;

pub(crate) use ci::ci;
pub(crate) use coverage::{Goal, coverage};
pub(crate) use deny::deny;
pub(crate) use fuzz::fuzz;
pub(crate) use test::test;
