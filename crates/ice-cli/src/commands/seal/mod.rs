//! `ice seal`: the key of a sealed data folder.

mod command;
mod key;
mod rotate;
mod status;

pub(super) use command::SealCommand;
pub(super) use status::told;
