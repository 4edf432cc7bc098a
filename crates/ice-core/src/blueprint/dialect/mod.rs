//! The upgrade from the first dialect (schema version 1.1.0) to the present one.
//!
//! 1.1.0 keeps all nodes in one list and names those of branches and bodies by their ids; 1.2.0 nests them.
//! `true_branch` and `false_branch` of a condition leave the listed nodes where they are and mark them with
//! `when`; `body_nodes` of a loop and the branches of a parallel node move them into it. Texts with `{name}`
//! and bare names of inputs are rewritten.

mod guess;
mod text;
mod upgrade;

pub(crate) use guess::looks_legacy;
pub(crate) use text::LegacyNames;
pub(crate) use upgrade::upgrade;
