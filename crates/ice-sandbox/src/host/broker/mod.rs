//! The way out of a cage: takes the connections that a command makes to what it was granted, and carries them there.
//!
//! A name is resolved here, for each connection anew, and connected to at the very address that was looked at: what it
//! resolves to afterwards does not matter. A connection ends outside as it ended inside: what the command sent arrives,
//! however soon it ends itself; but if it was ended, the other side is told so by a reset, and does not take a beginning
//! for the whole.

mod address;
mod carry;
mod own;
mod reach;
mod serve;
#[cfg(test)]
mod tests;

pub(super) use serve::Broker;
