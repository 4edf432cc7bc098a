//! The disk as a port: what the log and the blobs need of a folder, on the machine and in simulation.

mod folder;
mod inode;
mod port;
mod sim;

pub use folder::FolderDisk;
pub use port::{Disk, DiskFile, DiskLock, FileId, OpenMode};
pub use sim::{SimDisk, SimFault};

#[cfg(test)]
mod tests;
