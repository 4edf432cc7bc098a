//! Windows of weighed units: how a text is cut into pieces that overlap.

use std::collections::VecDeque;
use std::ops::Range;

/// Takes units one by one and gives windows of them that weigh at most so much. A window shares units with the one before that
/// weigh at most `overlap` together. A unit that weighs more than a window stands alone.
#[derive(Debug)]
pub(crate) struct Windows {
    size: u64,
    overlap: u64,
    window: VecDeque<(Range<usize>, u64)>,
    weight: u64,
    /// Units that no window had yet.
    fresh: usize,
}

impl Windows {
    pub(crate) fn new(size: u64, overlap: u64) -> Self {
        Self { size, overlap, window: VecDeque::new(), weight: 0, fresh: 0 }
    }

    /// Takes a unit. Gives the window that it no longer fits into, if there is one.
    pub(crate) fn add(&mut self, unit: Range<usize>, weight: u64) -> Option<Range<usize>> {
        let mut full = None;
        if !self.window.is_empty() && self.weight.saturating_add(weight) > self.size {
            full = self.range().filter(|_| self.fresh > 0);
            while let Some((_, first)) = self.window.front()
                && (self.weight > self.overlap || self.weight.saturating_add(weight) > self.size)
            {
                self.weight -= first;
                self.window.pop_front();
            }
            self.fresh = 0;
        }
        self.window.push_back((unit, weight));
        self.weight = self.weight.saturating_add(weight);
        self.fresh += 1;
        full
    }

    /// What is in the window weighs so much.
    #[cfg(feature = "ingest")]
    pub(crate) const fn weight(&self) -> u64 {
        self.weight
    }

    /// The last window, if a unit came after the one before. Nothing of it is in the next one.
    pub(crate) fn finish(&mut self) -> Option<Range<usize>> {
        let last = self.range().filter(|_| self.fresh > 0);
        self.window.clear();
        (self.weight, self.fresh) = (0, 0);
        last
    }

    fn range(&self) -> Option<Range<usize>> {
        let ((first, _), (last, _)) = (self.window.front()?, self.window.back()?);
        Some(first.start..last.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(weights: &[u64], size: u64, overlap: u64) -> Vec<Range<usize>> {
        let mut windows = Windows::new(size, overlap);
        let mut found: Vec<_> =
            weights.iter().enumerate().filter_map(|(at, weight)| windows.add(at..at + 1, *weight)).collect();
        found.extend(windows.finish());
        found
    }

    #[test]
    fn windows_are_full_and_overlap() {
        assert_eq!(windows(&[1, 1, 1, 1, 1], 2, 0), [0..2, 2..4, 4..5]);
        assert_eq!(windows(&[1, 1, 1, 1, 1], 3, 1), [0..3, 2..5]);
        assert_eq!(windows(&[1, 1, 1, 1], 2, 1), [0..2, 1..3, 2..4]);
        assert_eq!(windows(&[2, 2, 2, 1], 4, 3), [0..2, 1..3, 2..4]);
        // One that is too heavy stands alone, and what would not fit beside it is left out.
        assert_eq!(windows(&[1, 9, 1], 3, 2), [0..1, 1..2, 2..3]);
        assert_eq!(windows(&[3, 3], 3, 2), [0..1, 1..2]);
        assert!(windows(&[], 3, 2).is_empty());
    }
}
