//! Keeping a memory small and to the point: what is there twice becomes one, old episodes become summaries, and what is over goes.
//!
//! [`Memory::consolidate`](super::Memory::consolidate) does what a [`Consolidation`] says. Each step is one commit, and a step that was
//! done is not done again: so it can be cut short anywhere and called again. How importance fades is [`Decay`].

mod decay;
mod duplicates;
mod extract;
mod model;
mod plan;
mod report;
mod retention;
mod summaries;
mod summariser;

#[cfg(test)]
mod tests;

pub use decay::Decay;
pub use extract::Extract;
pub use model::ByModel;
pub use plan::{Consolidation, Retention, Summaries};
pub use report::Consolidated;
pub use summariser::{SummariseError, Summariser, Summary};
