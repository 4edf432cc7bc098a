//! The commands, one file each, and what several of them share.

mod analysis;
mod budget;
mod budgets;
mod chat;
mod completions;
mod confinement;
mod doctor;
mod erase;
mod errors;
mod estimate;
mod grants;
mod graph;
#[cfg(feature = "wasm")]
mod interpreters;
mod list;
mod memory;
pub(crate) mod models;
mod network;
mod new;
mod run;
mod runs;
mod sandbox;
mod schema;
mod seal;
mod tools;
mod validate;
mod worker;

pub(crate) use list::Command;
