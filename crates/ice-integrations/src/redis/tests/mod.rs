//! The store and the blobs on a real server, which `cargo xtask setup` installs. Without it the tests are skipped; CI allows none
//! to be.

mod conformance;
mod crash;
mod faults;
mod handles;
mod memory;
mod promises;
mod server;
