//! The side of the program that asks for runs.

mod caged;
mod collect;
mod find;
mod flow;
mod keep;
mod probe;
mod sandbox;

pub use caged::Caged;
pub use sandbox::ResourceSandbox;
