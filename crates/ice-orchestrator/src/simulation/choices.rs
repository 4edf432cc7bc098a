//! Who chooses among what could happen next.

/// Chooses among a number of possibilities.
pub trait Choices {
    /// One of `0..options`; there is at least one.
    fn choose(&mut self, options: usize) -> usize;
}

/// Chooses at random: the same seed, the same choices (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Choices for Random {
    fn choose(&mut self, options: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % options.max(1) as u64).unwrap_or_default()
    }
}

/// Chooses every sequence in turn: run once, call [`Paths::advance`], run again, until it says that there is none
/// left.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// What was chosen, of how many.
    path: Vec<(usize, usize)>,
    at: usize,
}

impl Paths {
    /// The first sequence: always the first possibility.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on to the next sequence. False if all have been chosen.
    pub fn advance(&mut self) -> bool {
        self.path.truncate(self.at);
        self.at = 0;
        while let Some((chosen, options)) = self.path.pop() {
            if chosen + 1 < options {
                self.path.push((chosen + 1, options));
                return true;
            }
        }
        false
    }
}

impl Choices for Paths {
    fn choose(&mut self, options: usize) -> usize {
        let chosen = match self.path.get_mut(self.at) {
            Some((chosen, known)) => {
                *known = options;
                *chosen
            }
            None => {
                self.path.push((0, options));
                0
            }
        };
        self.at += 1;
        chosen.min(options.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_is_chosen_once() {
        let mut paths = Paths::new();
        let mut found = Vec::new();
        loop {
            // The first choice says how many further ones there are.
            let first = paths.choose(3);
            found.push((first, (0..first).map(|_| paths.choose(2)).collect::<Vec<_>>()));
            if !paths.advance() {
                break;
            }
        }
        let expected = [(0, vec![]), (1, vec![0]), (1, vec![1])];
        let longer = [[0, 0], [0, 1], [1, 0], [1, 1]].map(|rest| (2, rest.to_vec()));
        assert_eq!(found, expected.into_iter().chain(longer).collect::<Vec<_>>());
    }

    #[test]
    fn a_seed_gives_the_same_choices_again() {
        let choose = |seed| {
            let mut random = Random::new(seed);
            (0..50).map(|_| random.choose(5)).collect::<Vec<_>>()
        };
        assert_eq!(choose(1), choose(1));
        assert_ne!(choose(1), choose(2));
        assert!((0..5).all(|option| choose(3).contains(&option)));
    }
}
