//! The static check of a blueprint against what there is to build it from.
//!
//! [`check`] applies every rule that can be told without running and gives every diagnostic at once, or a
//! [`Checked`]: the proof that a blueprint is sound, with its dependencies resolved.

mod agents;
mod arguments;
mod catalog;
mod checked;
mod cycles;
mod declared;
mod frame;
mod graph;
mod known;
mod names;
mod output;
pub mod partial;
mod reading;
mod reads;
mod recursion;
mod schemas;
mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod variables;
mod walk;

pub use checked::{Checked, CheckedNode, CheckedScope, OuterNode};
use reading::outputs_with;
pub use recursion::MAX_REPEATED;
pub(crate) use walk::{Given, check_draft};
pub use walk::{MAX_NESTING, check};
