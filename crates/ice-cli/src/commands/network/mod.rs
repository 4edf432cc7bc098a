//! `ice network`: several workflows in their order, and their schedules.

mod command;
mod keep;
mod list;
mod run;
mod stop;

pub(crate) use command::Networks;
