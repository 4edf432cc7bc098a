//! What CI does, step by step: builds, tests and checks by other programs, and the guards.

mod ci;
mod step;
mod test;

pub(crate) use ci::ci;
pub(crate) use test::test;
