//! How importance fades.

use std::time::Duration;

use crate::memory::Entry;
use crate::time::Moment;

/// How importance fades with time: of an importance i, after an age a and with the half-life h, i 2^(-a / h) is left, and never less
/// than the floor, or than i if that is below it. Nothing is written: whoever asks at the same moment hears the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decay {
    /// The time after which half is left; at least a second.
    pub half_life: Duration,
    /// What is left in the end, 0 to 10.
    pub floor: f64,
}

impl Default for Decay {
    /// A half-life of 30 days, down to 0.1.
    fn default() -> Self {
        Self { half_life: Duration::from_secs(30 * 24 * 3_600), floor: 0.1 }
    }
}

impl Decay {
    /// How much an entry matters now.
    #[must_use]
    pub fn importance(&self, entry: &Entry, now: Moment) -> f64 {
        let half_lives = now.since(entry.time()).as_secs_f64() / self.half_life.as_secs_f64().max(1.0);
        let floor = if self.floor.is_finite() { self.floor.max(0.0) } else { 0.0 };
        (entry.importance * (-half_lives).exp2()).max(floor.min(entry.importance))
    }
}
