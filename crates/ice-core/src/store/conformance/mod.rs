//! The conformance suites: what every implementation of the ports here must do, as functions that tests
//! call with their implementation. They panic where it does not.

mod blobs;
mod inbox;
mod lease;
mod model;
mod store;
mod subject;

pub use blobs::blobs;
pub use inbox::inbox;
pub use lease::lease;
pub use model::model;
pub use store::store;
#[cfg(test)]
pub(crate) use subject::spawn;
pub use subject::{BlobSubject, StoreSubject};

#[cfg(test)]
mod tests;
