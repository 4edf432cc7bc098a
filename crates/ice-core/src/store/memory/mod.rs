//! The store in memory: everything ends with the process.

mod blobs;
mod store;

pub use blobs::MemoryBlobs;
pub use store::MemoryStore;
