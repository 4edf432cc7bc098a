//! End-to-end tests of ice through its public surfaces.

pub mod crash;
