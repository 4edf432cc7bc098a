//! `ice runs`: what there is of runs, and what can be done with them.

mod cancel;
mod command;
mod events;
mod list;
mod lookup;
mod resume;
mod show;

pub(crate) use command::Runs;
pub(crate) use lookup::{find, with_link};
