//! The one load of a model that all wait for, whoever began it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

use super::error::LocalModelError;
use super::loaded::Loaded;

/// How a load ended; nothing while it goes on.
type End = Option<Result<(), LocalModelError>>;
type Load = dyn Fn() -> Result<Loaded, LocalModelError> + Send + Sync;

/// A model that is loaded once. A load goes on when who waits for it leaves, as a thread that reads cannot be stopped, and
/// what it brings is kept: no second one runs beside it.
pub(super) struct Loading {
    path: PathBuf,
    load: Arc<Load>,
    loaded: Arc<OnceLock<Arc<Loaded>>>,
    last: Mutex<Option<watch::Receiver<End>>>,
}

impl Loading {
    /// Loads in this way, which may block, what is named by this path.
    pub(super) fn new(
        path: PathBuf,
        load: impl Fn() -> Result<Loaded, LocalModelError> + Send + Sync + 'static,
    ) -> Self {
        Self { path, load: Arc::new(load), loaded: Arc::default(), last: Mutex::new(None) }
    }

    /// The model, if it is loaded.
    pub(super) fn get(&self) -> Option<&Arc<Loaded>> {
        self.loaded.get()
    }

    /// The model once it is loaded. Cancel-safe. A load that failed is told to all who wait for it, and the next call begins
    /// another.
    pub(super) async fn wait(&self) -> Result<&Arc<Loaded>, LocalModelError> {
        let stopped = || LocalModelError::Stopped { path: self.path.clone() };
        if self.loaded.get().is_none() {
            let mut load = self.under_way();
            let end = load.wait_for(Option::is_some).await.map_err(|_| stopped())?;
            if let Some(Err(error)) = &*end {
                return Err(error.clone());
            }
        }
        self.loaded.get().ok_or_else(stopped)
    }

    /// The load that is under way or has brought the model, else a new one.
    fn under_way(&self) -> watch::Receiver<End> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = last.as_ref().filter(|load| !has_failed(load)) {
            return load.clone();
        }
        let (ends, load) = watch::channel(None);
        *last = Some(load.clone());
        let (how, loaded) = (Arc::clone(&self.load), Arc::clone(&self.loaded));
        // It is joined through the channel. If it panics, the channel is closed without an end.
        drop(tokio::task::spawn_blocking(move || {
            let end = how().map(|model| {
                loaded.get_or_init(|| Arc::new(model));
            });
            ends.send_replace(Some(end));
        }));
        load
    }
}

fn has_failed(load: &watch::Receiver<End>) -> bool {
    // Asked first: what a closed channel holds is its last.
    let closed = load.has_changed().is_err();
    match &*load.borrow() {
        None => closed,
        Some(end) => end.is_err(),
    }
}
