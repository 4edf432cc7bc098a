//! The side of the program that asks for runs.

mod broker;
mod caged;
mod collect;
mod find;
mod flow;
mod heard;
mod keep;
mod masked;
mod pool;
mod prepare;
mod probe;
mod sandbox;
mod scrub;
mod ways;

pub use caged::Caged;
pub use masked::Masked;
pub use pool::WarmPool;
pub use sandbox::ResourceSandbox;
