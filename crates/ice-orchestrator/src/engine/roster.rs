//! Which runs an engine drives, and which of those that left memory somebody still holds a handle of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ahash::{AHashMap, AHashSet};
use ice_core::id::RunId;

use super::run::RunShared;

/// The runs of an engine.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Runs {
    active: AHashMap<RunId, Arc<RunShared>>,
    /// Those that sleep and of which there are handles.
    held: AHashMap<RunId, Weak<RunShared>>,
    /// Those that sleep and go on by themselves once it is time.
    timed: AHashSet<RunId>,
    /// How many have become active so far.
    entered: u64,
}

/// What an engine is left with, for whoever waits until nothing goes on.
pub(crate) enum Busy {
    /// This run is active and goes on.
    With(Arc<RunShared>),
    /// Some sleep until their time comes.
    Asleep,
    /// Nothing goes on by itself.
    No,
}

impl Roster {
    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn active(&self, run: RunId) -> Option<Arc<RunShared>> {
        self.lock().active.get(&run).cloned()
    }

    /// The shared part of a run that sleeps, if somebody holds a handle of it.
    pub(crate) fn held(&self, run: RunId) -> Option<Arc<RunShared>> {
        self.lock().held.get(&run)?.upgrade()
    }

    /// The active runs, the oldest first.
    pub(crate) fn ids(&self) -> Vec<RunId> {
        let mut runs: Vec<RunId> = self.lock().active.keys().copied().collect();
        runs.sort_unstable();
        runs
    }

    pub(crate) fn entered(&self) -> u64 {
        self.lock().entered
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lock().active.is_empty()
    }

    pub(crate) fn each(&self, then: impl FnMut(&Arc<RunShared>)) {
        self.lock().active.values().for_each(then);
    }

    pub(crate) fn enter(&self, shared: &Arc<RunShared>) {
        let mut runs = self.lock();
        runs.held.remove(&shared.run);
        runs.timed.remove(&shared.run);
        runs.active.insert(shared.run, Arc::clone(shared));
        runs.entered += 1;
    }

    /// A run is no longer active.
    pub(crate) fn leave(&self, shared: &Arc<RunShared>) {
        self.lock().take(shared);
    }

    /// A run leaves memory until something wakes it.
    pub(crate) fn sleep(&self, shared: &Arc<RunShared>, is_timed: bool) {
        let mut runs = self.lock();
        runs.take(shared);
        runs.held.insert(shared.run, Arc::downgrade(shared));
        if is_timed {
            runs.timed.insert(shared.run);
        }
    }

    /// The last handle of a run is gone.
    pub(crate) fn let_go(&self, shared: &RunShared) {
        let mut runs = self.lock();
        if runs.held.get(&shared.run).is_some_and(|held| std::ptr::eq(held.as_ptr(), shared)) {
            runs.held.remove(&shared.run);
        }
    }

    /// The sleeping runs of which there are handles, which are forgotten.
    pub(crate) fn dismiss(&self) -> Vec<Arc<RunShared>> {
        let mut runs = self.lock();
        runs.timed.clear();
        let held = std::mem::take(&mut runs.held);
        drop(runs);
        held.into_values().filter_map(|held| held.upgrade()).collect()
    }

    pub(crate) fn busy(&self) -> Busy {
        let runs = self.lock();
        let going = runs.active.values().find(|shared| !shared.progress.read(|progress| progress.rests()));
        match going {
            Some(shared) => Busy::With(Arc::clone(shared)),
            None if runs.timed.is_empty() => Busy::No,
            None => Busy::Asleep,
        }
    }
}

impl Runs {
    fn take(&mut self, shared: &Arc<RunShared>) {
        if self.active.get(&shared.run).is_some_and(|known| Arc::ptr_eq(known, shared)) {
            self.active.remove(&shared.run);
        }
    }
}
