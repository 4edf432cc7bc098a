//! What the tests of the store share that need processes to kill, disks to fill, or much data. The end-to-end
//! tests of the `ice` command stand in `crates/ice-cli/tests`.

pub mod crash;
pub mod memory;
