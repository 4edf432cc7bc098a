//! The port for everything that lasts, and its implementations.

mod batch;
mod error;
mod key;
mod port;

pub use batch::{Batch, Expect, Expectation, Put};
pub use error::{CommitError, StoreError};
pub use key::{InvalidKey, Key};
pub use port::{
    Change, ChangeKind, CommitSeq, Durability, Entry, Offers, Store, Version, Versioned, Watch, WatchEvent,
};
