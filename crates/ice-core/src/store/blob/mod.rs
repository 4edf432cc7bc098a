//! Bytes that are kept outside of records, addressed by their content.

#[cfg(all(unix, feature = "embedded"))]
mod disk;
mod epoch;
mod port;
pub mod tree;

#[cfg(all(unix, feature = "embedded"))]
pub use disk::DiskBlobs;
pub use epoch::{BlobGuard, Epochs};
pub use port::{BlobStore, Collected, MAX_BLOB_BYTES, Reachable};
