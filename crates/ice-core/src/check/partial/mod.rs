//! Blueprints in the making: nodes come, change and go, and every step tells what is still missing.

#[expect(clippy::module_inception, reason = "the noun of the module is the partial blueprint itself")]
mod partial;
mod suggest;
#[cfg(test)]
mod tests;
mod update;

pub use partial::{PartialBlueprint, PartialNode};
pub use suggest::Suggestion;
pub use update::{PartialError, PartialUpdate};
