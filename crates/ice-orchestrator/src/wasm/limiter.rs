//! What a module may take of memory and tables, all of its instances together.

use wasmtime::ResourceLimiter;

/// Entries of all tables together: four megabytes of host memory at most.
const TABLE_ENTRIES: usize = 1 << 18;
const TABLES: usize = 64;
const MEMORIES: usize = 64;
const INSTANCES: usize = 256;

/// Counts the memory of one run, and refuses what is beyond its limit.
#[derive(Debug)]
pub(super) struct Limiter {
    allowed: usize,
    taken: usize,
    peak: usize,
    refused: bool,
    entries: usize,
    /// The last growth that was allowed, to be taken back if the system has no memory for it.
    last: Growth,
}

#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    memory: usize,
    entries: usize,
}

impl Limiter {
    /// Allows so many bytes.
    pub(super) fn new(allowed: usize) -> Self {
        Self { allowed, taken: 0, peak: 0, refused: false, entries: 0, last: Growth::default() }
    }

    /// The most memory there was at a time, in bytes.
    pub(super) const fn peak(&self) -> usize {
        self.peak
    }

    /// Whether more memory was wanted than is allowed, or than there is.
    pub(super) const fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let taken = self.taken.saturating_add(more);
        self.last = Growth::default();
        // A module that passes its own maximum is told so by the engine; it is not our limit that it met.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if taken > self.allowed {
            self.refused = true;
            return Ok(false);
        }
        self.taken = taken;
        self.peak = self.peak.max(taken);
        self.last.memory = more;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        // It is also told of what was refused above, where nothing was taken.
        if self.last.memory > 0 {
            self.refused = true;
            self.taken = self.taken.saturating_sub(self.last.memory);
            self.last = Growth::default();
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let entries = self.entries.saturating_add(more);
        self.last = Growth::default();
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if entries > TABLE_ENTRIES {
            self.refused = true;
            return Ok(false);
        }
        self.entries = entries;
        self.last.entries = more;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.entries = self.entries.saturating_sub(self.last.entries);
        self.last = Growth::default();
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together_and_failed_growth_is_taken_back() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 30, Some(30)).unwrap());
        assert!(!limiter.memory_growing(30, 40, Some(30)).unwrap());
        assert!(!limiter.refused());
        limiter.memory_grow_failed(wasmtime::Error::msg("beyond its maximum")).unwrap();
        assert!(!limiter.memory_growing(60, 71, None).unwrap());
        assert!(limiter.refused());
        assert!(limiter.memory_growing(60, 70, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(limiter.memory_growing(60, 70, None).unwrap());
        assert_eq!(limiter.peak(), 100);
    }

    #[test]
    fn tables_are_counted_together() {
        let mut limiter = Limiter::new(0);
        assert!(limiter.table_growing(0, TABLE_ENTRIES, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
    }
}
