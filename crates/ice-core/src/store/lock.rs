//! Locking without poison: a thread that panicked under a lock has left whole data behind, because
//! everything here changes state only after what may fail.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whether or not a holder has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
