//! The side of the program that asks for runs.

mod caged;
mod collect;
mod find;
mod keep;
mod probe;
mod sandbox;

pub use caged::{Caged, End};
pub use sandbox::ResourceSandbox;
