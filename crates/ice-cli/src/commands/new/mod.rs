//! `ice new`: something to start from.

mod blueprint;
mod command;
mod folder;
mod rust;
mod start;

pub(crate) use start::New;
