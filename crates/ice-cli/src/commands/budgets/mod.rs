//! `ice budgets`: what runs share and may spend together.

mod command;
mod list;
mod set;

pub(crate) use command::Budgets;
