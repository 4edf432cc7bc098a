//! A queue of places from whose middle one can be taken out.

use std::collections::VecDeque;

use super::frame::Place;

/// A spot in a [`Queue`].
pub(crate) type Spot = u64;

/// Places in the order in which they were queued. Every change takes constant time, amortised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    /// The spot of the first element of `places`.
    first: Spot,
    /// Never begins with a gap.
    places: VecDeque<Option<Place>>,
    left: usize,
}

impl Queue {
    /// Puts a place last.
    pub(crate) fn push(&mut self, place: Place) -> Spot {
        let spot = self.first + self.places.len() as u64;
        self.places.push_back(Some(place));
        self.left += 1;
        spot
    }

    /// Takes out what stands at a spot.
    pub(crate) fn remove(&mut self, spot: Spot) {
        let at = spot.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if at.and_then(|at| self.places.get_mut(at)).is_some_and(|slot| slot.take().is_some()) {
            self.left -= 1;
        }
        while self.places.front().is_some_and(Option::is_none) {
            self.places.pop_front();
            self.first += 1;
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Place> {
        self.places.iter().filter_map(|slot| *slot)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn place(node: u32) -> Place {
        Place { frame: 0, node }
    }

    #[test]
    fn what_is_taken_out_of_the_middle_leaves_the_rest_in_order() {
        let mut queue = Queue::default();
        let spots: Vec<Spot> = (0..5).map(|node| queue.push(place(node))).collect();
        for spot in [1, 3, 0, 3] {
            queue.remove(spots[spot]);
        }
        queue.push(place(9));
        assert_eq!(queue.iter().collect::<Vec<_>>(), [place(2), place(4), place(9)]);
        for spot in [spots[2], spots[4]] {
            queue.remove(spot);
        }
        assert!(!queue.is_empty());
        let last = queue.push(place(7)) - 1;
        queue.remove(last);
        queue.remove(last + 1);
        assert!(queue.is_empty());
        queue.remove(last);
        queue.remove(1_000);
        assert_eq!((queue.is_empty(), queue.places.len()), (true, 0));
    }
}
