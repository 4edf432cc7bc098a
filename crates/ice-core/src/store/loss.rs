//! What is said about acknowledged commits that are gone.

use std::fmt;

use super::CommitSeq;

/// Acknowledged commits that are lost or damaged.
///
/// As text it is a sentence without its end: `acknowledged commits 8 to 9 are lost or damaged at byte 614 of log/…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where it begins.
    pub place: String,
    /// The first commit that may be lost.
    pub first: CommitSeq,
    /// The last commit that is known to be lost.
    pub last: CommitSeq,
    /// How many commits it can be. Often far fewer than the numbers between the first and the last, some of which
    /// were never given out: every end without closing leaves out millions.
    pub at_most: u64,
}

impl Loss {
    /// How many numbers there are from the first to the last.
    const fn numbers(&self) -> u64 {
        self.last.0.saturating_sub(self.first.0).saturating_add(1)
    }

    /// A loss of commits between two numbers, of which `most` were given out at most.
    #[must_use]
    pub fn new(place: String, first: u64, last: u64, most: u64) -> Self {
        let mut loss = Self { place, first: CommitSeq(first), last: CommitSeq(last), at_most: most };
        // At least the one that is known to be lost.
        loss.at_most = most.clamp(1, loss.numbers());
        loss
    }

    /// Both losses as one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (first, last) = (self.first.min(other.first), self.last.max(other.last));
        Self::new(self.place, first.0, last.0, self.at_most.saturating_add(other.at_most))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, first, last, at_most } = self;
        write!(f, "acknowledged commits {} to {}", first.0, last.0)?;
        if *at_most < self.numbers() {
            write!(f, " (at most {at_most} of them, as numbers have gaps)")?;
        }
        write!(f, " are lost or damaged at {place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_says_how_many_it_can_be_if_numbers_were_left_out() {
        let told = |first, last, most| Loss::new("byte 64 of x".to_owned(), first, last, most).to_string();
        assert_eq!(told(8, 9, 700), "acknowledged commits 8 to 9 are lost or damaged at byte 64 of x");
        assert_eq!(
            told(1, 8_388_614, 12),
            "acknowledged commits 1 to 8388614 (at most 12 of them, as numbers have gaps) are lost or damaged at \
             byte 64 of x"
        );
    }

    #[test]
    fn two_losses_are_one_from_the_first_to_the_last() {
        let (one, two) = (Loss::new("a".to_owned(), 5, 9, 2), Loss::new("b".to_owned(), 2, 6, 3));
        assert_eq!(one.and(two), Loss::new("a".to_owned(), 2, 9, 5));
    }
}
