//! What a suite is given: the implementation under test.

use std::sync::Arc;

use crate::store::{BlobStore, Store};

/// A fresh, empty store under test, with whatever must live as long as it does.
pub trait StoreSubject {
    /// The store as it is now.
    fn store(&self) -> Arc<dyn Store>;

    /// Closes and opens the store, if its contents are to outlive that.
    fn reopen(&mut self) {}
}

impl StoreSubject for Arc<dyn Store> {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self)
    }
}

/// A fresh, empty blob store under test.
pub trait BlobSubject {
    /// The blob store as it is now.
    fn blobs(&self) -> Arc<dyn BlobStore>;

    /// Damages the stored bytes of a blob, if the implementation keeps them where they can be damaged; says
    /// whether it did.
    fn damage(&self, _hash: &crate::value::BlobHash) -> bool {
        false
    }

    /// Closes and opens the store, if its contents are to outlive that.
    fn reopen(&mut self) {}
}

impl BlobSubject for Arc<dyn BlobStore> {
    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(self)
    }
}

/// Starts a task; every caller here awaits it.
#[expect(clippy::disallowed_methods, reason = "the suites await or abort every task they start")]
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}
