//! Waiting for the disk off the async threads.

use super::StoreError;

/// Runs what may wait for the disk on a thread for that, or in place where there is no runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return act();
    }
    let ended =
        |_| StoreError::Unavailable { what: "work on the disk was cut short".to_owned(), source: None };
    tokio::task::spawn_blocking(act).await.map_err(ended)?
}
