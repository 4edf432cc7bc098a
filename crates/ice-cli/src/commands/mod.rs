//! The commands, one file each.

mod completions;
mod errors;
mod list;

pub(crate) use list::Command;
