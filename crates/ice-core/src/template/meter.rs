//! What one evaluation has left to spend, in bytes and in work.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::error::TemplateError;
use super::scope::Limits;

/// The bytes of one item of a list.
pub(super) const ITEM: usize = size_of::<crate::value::Value>();
/// The bytes of one entry of a map, without its key's text.
pub(super) const ENTRY: usize = 2 * ITEM + 24;

/// Counts down what a [`Limits`] allows. Used by one thread at a time; the atomics are there because the
/// engine wants its values to be `Sync`.
#[derive(Debug)]
pub(super) struct Meter {
    bytes: AtomicUsize,
    work: AtomicU64,
    instructions: AtomicU64,
    limits: Limits,
}

impl Meter {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            bytes: AtomicUsize::new(limits.bytes),
            work: AtomicU64::new(limits.steps),
            instructions: AtomicU64::new(limits.steps),
            limits: *limits,
        }
    }

    /// Pays for `bytes` that are about to be built.
    pub(super) fn grow(&self, bytes: usize) -> Result<(), TemplateError> {
        match self.bytes.load(Ordering::Relaxed).checked_sub(bytes) {
            Some(left) => {
                self.bytes.store(left, Ordering::Relaxed);
                Ok(())
            }
            None => Err(self.too_many_bytes()),
        }
    }

    /// Pays for `count` times `bytes`.
    pub(super) fn grow_by(&self, count: usize, bytes: usize) -> Result<(), TemplateError> {
        match count.checked_mul(bytes) {
            Some(sum) => self.grow(sum),
            None => Err(self.too_many_bytes()),
        }
    }

    /// Pays for a list of `count` items.
    pub(super) fn list(&self, count: usize) -> Result<(), TemplateError> {
        self.work(count)?;
        self.grow_by(count.saturating_add(2), ITEM)
    }

    /// Pays for visiting `items`.
    pub(super) fn work(&self, items: usize) -> Result<(), TemplateError> {
        self.count(&self.work, u64::try_from(items).unwrap_or(u64::MAX))
    }

    /// Pays for the instructions of a program that has run. The engine itself stops a single program at its
    /// limit; this stops several that share a meter.
    pub(super) fn instructions(&self, count: u64) -> Result<(), TemplateError> {
        self.count(&self.instructions, count)
    }

    fn count(&self, left: &AtomicU64, steps: u64) -> Result<(), TemplateError> {
        match left.load(Ordering::Relaxed).checked_sub(steps) {
            Some(rest) => {
                left.store(rest, Ordering::Relaxed);
                Ok(())
            }
            None => Err(self.too_many_steps()),
        }
    }

    /// Pays for reading `bytes` of text.
    pub(super) fn read(&self, bytes: usize) -> Result<(), TemplateError> {
        self.work(1 + bytes / 256)
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    #[cold]
    fn too_many_bytes(&self) -> TemplateError {
        let limit = self.limits.bytes;
        TemplateError::too_large(format!("the template builds more than {limit} bytes; make it build less"))
    }

    #[cold]
    pub(super) fn too_many_steps(&self) -> TemplateError {
        let limit = self.limits.steps;
        TemplateError::too_large(format!("the template takes more than {limit} steps; make it do less"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_refuses_what_it_no_longer_has() {
        let meter = Meter::new(&Limits { steps: 10, bytes: 10 });
        assert!(meter.grow(10).is_ok());
        assert!(meter.grow(1).is_err());
        assert!(meter.work(10).is_ok());
        assert!(meter.work(1).is_err());
        assert!(meter.grow_by(usize::MAX, 2).is_err());
    }
}
