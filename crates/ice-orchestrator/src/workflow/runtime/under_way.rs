//! The attempts under way.

use super::frame::Place;
use super::input::Ticket;

/// Attempts with their places, the oldest first. Tickets are numbers of records, so that new ones come last; there are at
/// most as many as may be under way at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnderWay(Vec<(Ticket, Place)>);

impl UnderWay {
    fn at(&self, ticket: Ticket) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if *last >= ticket => self.0.binary_search_by_key(&ticket, |(known, _)| *known),
            Some(_) | None => Err(self.0.len()),
        }
    }

    pub(crate) fn insert(&mut self, ticket: Ticket, place: Place) {
        if let Err(at) = self.at(ticket) {
            self.0.insert(at, (ticket, place));
        }
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) {
        if let Ok(at) = self.at(ticket) {
            self.0.remove(at);
        }
    }

    /// Where an attempt is.
    pub(crate) fn place(&self, ticket: Ticket) -> Option<Place> {
        self.at(ticket).ok().and_then(|at| self.0.get(at)).map(|(_, place)| *place)
    }

    pub(crate) fn contains(&self, ticket: Ticket) -> bool {
        self.at(ticket).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ticket, Place)> {
        self.0.iter().copied()
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_found_by_their_tickets_until_they_have_ended() {
        let place = |node| Place { frame: 0, node };
        let mut under_way = UnderWay::default();
        for ticket in [3, 9, 4, 20] {
            under_way.insert(ticket, place(u32::try_from(ticket).unwrap()));
        }
        assert_eq!(under_way.iter().map(|(ticket, _)| ticket).collect::<Vec<_>>(), [3, 4, 9, 20]);
        assert_eq!(
            (under_way.place(9), under_way.place(5), under_way.place(21)),
            (Some(place(9)), None, None)
        );
        for ticket in [9, 5, 30] {
            under_way.remove(ticket);
        }
        assert_eq!((under_way.len(), under_way.contains(9), under_way.contains(20)), (3, false, true));
        for ticket in [3, 4, 20] {
            under_way.remove(ticket);
        }
        assert!(under_way.is_empty());
    }
}
