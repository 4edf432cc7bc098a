//! The nearest so many of a stream of rows.

use std::cmp::Ordering;

/// A row and how near it is; more is nearer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Near<T> {
    pub(super) score: f32,
    pub(super) at: T,
}

impl<T: Ord> Near<T> {
    /// The nearest first, ties by what is nearer.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.at.cmp(&other.at))
    }
}

/// Keeps the nearest so many. What comes is gathered and cut now and then: cheaper than a heap, of whatever size.
#[derive(Debug)]
pub(super) struct Best<T> {
    most: usize,
    /// What is farther than this is not among the nearest.
    bound: f32,
    kept: Vec<Near<T>>,
}

impl<T: Ord + Copy> Best<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, bound: f32::NEG_INFINITY, kept: Vec::with_capacity(most.saturating_mul(2).min(4_096)) }
    }

    /// What is farther need not be offered.
    pub(super) const fn bound(&self) -> f32 {
        self.bound
    }

    #[inline]
    pub(super) fn offer(&mut self, score: f32, at: T) {
        // Ties count: which of them are kept must not depend on their order.
        if score >= self.bound {
            self.kept.push(Near { score, at });
            if self.kept.len() >= self.most.saturating_mul(2).max(self.most.saturating_add(32)) {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.kept.len() > self.most {
            self.kept.select_nth_unstable_by(self.most, Near::order);
            self.kept.truncate(self.most);
        }
        if self.kept.len() == self.most {
            self.bound = self.kept.iter().map(|near| near.score).fold(f32::INFINITY, f32::min);
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        for near in other.kept {
            self.offer(near.score, near.at);
        }
    }

    /// The nearest first.
    pub(super) fn into_sorted(mut self) -> Vec<Near<T>> {
        self.kept.sort_unstable_by(Near::order);
        self.kept.truncate(self.most);
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_nearest_are_those_that_sorting_finds(scores in proptest::collection::vec(-3_i8..3, 0..300), most in 1_usize..40) {
            let mut best = Best::new(most);
            let mut all: Vec<_> = scores.iter().zip(0_u32..).map(|(score, at)| Near { score: f32::from(*score), at }).collect();
            all.iter().for_each(|near| best.offer(near.score, near.at));
            all.sort_by(Near::order);
            all.truncate(most);
            prop_assert_eq!(best.into_sorted(), all);
        }
    }
}
