//! Runs that survive: crashes at any point, other engines, cancellation, stores that fail.

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;

#[cfg(test)]
mod agents;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod cancelled;
#[cfg(test)]
mod closed;
#[cfg(test)]
mod crashed;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod large;
#[cfg(test)]
mod losers;
#[cfg(test)]
mod moved;
#[cfg(test)]
mod owned;
#[cfg(test)]
mod power;
#[cfg(test)]
mod started;
#[cfg(test)]
mod world;
