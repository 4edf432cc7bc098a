//! Compiled modules, kept for the next run: few, and those that were used last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::compile::{Program, Refusal};
use super::module::Key;

/// What came of compiling a module, for all who wait for it.
pub(super) type Compiled = Result<Arc<Program>, Refusal>;

/// Compiled modules by the name of their content.
pub(super) struct Cache {
    inner: Mutex<Inner>,
    modules: usize,
    bytes: usize,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    /// Modules that are being compiled: whoever comes second waits for the first.
    compiling: HashMap<Key, Arc<OnceCell<Compiled>>>,
    bytes: usize,
    uses: u64,
}

/// Somebody's wait for a module to be compiled.
pub(super) struct Place<'a> {
    cache: &'a Cache,
    key: Key,
    cell: Arc<OnceCell<Compiled>>,
}

impl Place<'_> {
    /// Where it is compiled.
    pub(super) fn cell(&self) -> &OnceCell<Compiled> {
        &self.cell
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut inner = self.cache.lock();
        // The map has one, and this is the other: nobody else waits, and under the lock nobody else comes.
        if Arc::strong_count(&self.cell) == 2 {
            inner.compiling.remove(&self.key);
        }
    }
}

struct Entry {
    program: Arc<Program>,
    used: u64,
}

impl Cache {
    /// A cache for so many modules with so many bytes of code.
    pub(super) fn new(modules: usize, bytes: usize) -> Self {
        Self { inner: Mutex::default(), modules, bytes }
    }

    /// How many modules are kept.
    pub(super) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// How many modules somebody waits for.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().compiling.len()
    }

    /// A compiled module.
    pub(super) fn get(&self, key: Key) -> Option<Arc<Program>> {
        let mut inner = self.lock();
        inner.uses += 1;
        let used = inner.uses;
        let entry = inner.entries.get_mut(&key)?;
        entry.used = used;
        Some(Arc::clone(&entry.program))
    }

    /// The place where a module that is not there is compiled, by one for all. It is cleared when the last one leaves.
    pub(super) fn place(&self, key: Key) -> Place<'_> {
        let cell = Arc::clone(self.lock().compiling.entry(key).or_default());
        Place { cache: self, key, cell }
    }

    /// Keeps a compiled module, and drops what was not used for longest where there are too many.
    pub(super) fn put(&self, key: Key, program: &Arc<Program>) {
        let mut inner = self.lock();
        inner.uses += 1;
        let entry = Entry { program: Arc::clone(program), used: inner.uses };
        inner.bytes += program.bytes;
        if let Some(before) = inner.entries.insert(key, entry) {
            inner.bytes = inner.bytes.saturating_sub(before.program.bytes);
        }
        while inner.entries.len() > self.modules || inner.bytes > self.bytes {
            let oldest = inner.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            let Some(entry) = oldest.and_then(|key| inner.entries.remove(&key)) else { break };
            inner.bytes = inner.bytes.saturating_sub(entry.program.bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
