//! One workflow with every kind of node, with a crash and with a cancellation at every record of its journal.

#[cfg(test)]
mod world;

#[cfg(test)]
mod agent;
#[cfg(test)]
mod cancelled;
#[cfg(test)]
mod crashed;
