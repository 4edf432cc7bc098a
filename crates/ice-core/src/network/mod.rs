//! Networks: several workflows with what each comes after, and when. Data and rules; nothing here starts anything.
//!
//! A network is read as strictly as a blueprint is. Checked beside what there is to build it from, it gives the blueprints of
//! its runs: one of what is run on demand, and one for each schedule. Each is a graph of `workflow` nodes, so that a run of a
//! network is a run like any other.

mod checked;
mod model;
mod read;
#[cfg(test)]
mod tests;

pub use checked::{CheckedNetwork, Group};
pub use model::{Entry, FailurePolicy, Network};
pub use read::{API_VERSION, NetworkReading, is_network, read};
