//! The numbers of commits in flight, by which the server tells a repetition from a new commit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers the commits of one handle.
#[derive(Debug)]
pub(super) struct Writer(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    next: u64,
    in_flight: BTreeSet<u64>,
}

/// A commit in flight. Once it is dropped, its number is never asked about again.
#[derive(Debug)]
pub(super) struct Ticket {
    state: Arc<Mutex<State>>,
    /// The number of the commit.
    pub(super) number: u64,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { next: 1, in_flight: BTreeSet::new() })))
    }

    pub(super) fn begin(&self) -> Ticket {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.next;
        state.next += 1;
        state.in_flight.insert(number);
        Ticket { state: Arc::clone(&self.0), number }
    }
}

impl Ticket {
    /// The lowest number in flight: all below it are answered or given up.
    pub(super) fn lowest(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_flight.first().copied().unwrap_or(self.number)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).in_flight.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_number_rises_as_commits_are_answered_in_any_order() {
        let writer = Writer::new();
        let (first, second, third) = (writer.begin(), writer.begin(), writer.begin());
        assert_eq!((first.number, second.number, third.lowest()), (1, 2, 1));
        drop(second);
        assert_eq!(third.lowest(), 1);
        drop(first);
        assert_eq!(third.lowest(), 3);
    }
}
