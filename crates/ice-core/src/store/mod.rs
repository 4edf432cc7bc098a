//! The port for everything that lasts, and its implementations.

mod batch;
pub mod blob;
#[cfg(all(unix, feature = "embedded"))]
mod blocking;
#[cfg(all(unix, feature = "embedded"))]
pub mod disk;
#[cfg(all(unix, feature = "embedded"))]
mod embedded;
mod error;
mod feed;
pub mod inbox;
mod key;
pub mod lease;
mod limits;
mod lock;
#[cfg(all(unix, feature = "embedded"))]
pub mod log;
mod loss;
mod memory;
mod port;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use batch::{Batch, Expect, Expectation, Put};
pub use blob::{BlobGuard, BlobStore};
#[cfg(all(unix, feature = "embedded"))]
pub use embedded::{EmbeddedOptions, EmbeddedStore};
pub use error::{CommitError, StoreError};
pub use feed::{Feed, FeedLimits};
pub use key::{InvalidKey, Key, KeyBuilder};
pub(crate) use limits::check_offer;
pub use limits::{MAX_BATCH_BYTES, MAX_VALUE_BYTES};
pub(crate) use lock::lock;
#[cfg(all(unix, feature = "embedded"))]
pub use log::{LossPolicy, RecoveryReport};
pub use loss::Loss;
pub use memory::{MemoryBlobs, MemoryStore};
pub use port::{
    Change, ChangeKind, CommitSeq, Durability, Entry, Offers, Store, Version, Versioned, Watch, WatchEvent,
};
