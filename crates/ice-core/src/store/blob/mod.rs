//! Bytes that are kept outside of records, addressed by their content.

mod epoch;
mod port;

pub use epoch::BlobGuard;
pub(crate) use epoch::Epochs;
pub use port::{BlobStore, Collected, MAX_BLOB_BYTES, Reachable};
