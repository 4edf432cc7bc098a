//! What the graph of a plan says about its runs: the critical path, bottlenecks, what a node has an impact on, levels, and
//! how many nodes can be under way at once. All of it takes time that is polynomial in the size of the plan.

mod bottlenecks;
mod critical;
mod dag;
mod impact;
mod measured;
mod report;
#[cfg(test)]
mod tests;
mod width;
mod worst;

pub use bottlenecks::{Bottleneck, bottlenecks};
pub use critical::{CriticalPath, critical_path};
pub use dag::{Dag, Weight};
pub use impact::{Impact, impact};
pub use measured::{MeasuredPath, MeasuredStep, measured};
pub use report::{BottleneckReport, GraphReport, analyze};
pub use width::width;
pub use worst::WorstTime;
