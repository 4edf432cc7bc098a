//! The commands, one file each.

mod completions;
mod errors;
mod grants;
mod list;
mod validate;

pub(crate) use list::Command;
