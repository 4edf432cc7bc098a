//! `ice sandbox`: what can be done with cages.

mod command;
mod policy;
mod run;

pub(crate) use command::Sandbox;
