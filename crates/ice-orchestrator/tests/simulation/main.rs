//! The state machine under every order of events, with crashes, against an independent evaluator.

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;

#[cfg(test)]
mod generate;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod runs;
