//! The side of the program that asks for runs.

mod broker;
mod caged;
mod collect;
mod find;
mod flow;
mod keep;
mod pool;
mod probe;
mod sandbox;
mod ways;

pub use caged::Caged;
pub use pool::WarmPool;
pub use sandbox::ResourceSandbox;
