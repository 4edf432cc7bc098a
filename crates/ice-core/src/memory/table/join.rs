//! Lists of entries by their properties, and the entries that stand in several of them.
//!
//! Lists are intersected by leaps (leapfrog join: T. L. Veldhuizen, "Leapfrog Triejoin", ICDT 2014), and a row of a list says by
//! marks in which other lists its entry stands, so that one list is read on for as long as that leads furthest. What is read grows with
//! the shortest list, never with all entries.

use std::collections::VecDeque;
use std::time::Duration;

use super::marks::{Mark, Marks, mark_of};
use super::places::position_of;
use super::position::Position;
use crate::store::{Entry, Key, Store, StoreError};

/// The fewest and most places that are read at once.
const MIN_PAGE: usize = 8;
const MAX_PAGE: usize = 512;
/// How many are read at first of lists of which only some rows count.
const SAMPLE: usize = 64;
/// So many pages are taken of the group that leads furthest before the next one has a turn: the past tells little of what comes.
const IN_A_ROW: usize = 4;

/// Where a search from a place on has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sought {
    /// Here is the first place that may count.
    Found(Position),
    /// Before this place is none.
    NoneBefore(Position),
    End,
}

/// One list, read page by page.
#[derive(Debug)]
struct List {
    prefix: Key,
    /// What was read and may count.
    page: VecDeque<Position>,
    /// How many places are read next.
    next: usize,
    /// The last place that was read.
    read: Option<Position>,
    /// Whether the store has no more.
    is_all: bool,
}

impl List {
    fn new(prefix: Key, first: usize) -> Self {
        Self { prefix, page: VecDeque::new(), next: first, read: None, is_all: false }
    }

    /// The first place from `target` on of which `counts` says that it may count; reads one page at most.
    async fn seek(
        &mut self,
        store: &dyn Store,
        target: Position,
        counts: impl Fn(Marks<'_>) -> bool,
    ) -> Result<(Sought, Option<Duration>), StoreError> {
        let behind = self.page.partition_point(|position| *position < target);
        self.page.drain(..behind);
        let mut span = None;
        if self.page.is_empty() && !self.is_all && self.read.is_none_or(|read| read < target) {
            let after = target.previous().map(|before| self.prefix.leaf(&before.text()));
            let rows = store.scan(&self.prefix, after.as_ref(), self.next).await?;
            self.is_all = rows.len() < self.next;
            self.next = (self.next * 2).min(MAX_PAGE);
            // Most rows do not count, and their keys need not be read.
            let place = |row: &Entry| position_of(&row.key, &self.prefix);
            self.page = rows.iter().filter(|row| counts(Marks::of(&row.value))).filter_map(place).collect();
            let first = rows.first().and_then(place);
            self.read = rows.last().and_then(place).or(self.read);
            span = first.zip(self.read).map(|(first, last)| first.time().since(last.time()));
        }
        let sought = match (self.page.front(), self.read.and_then(Position::next)) {
            (Some(first), _) => Sought::Found(*first),
            (None, Some(rest)) if !self.is_all => Sought::NoneBefore(rest.max(target)),
            (None, _) => Sought::End,
        };
        Ok((sought, span))
    }
}

/// Lists of which an entry stands in one at least.
#[derive(Debug)]
struct Group {
    lists: Vec<List>,
    marks: Vec<Mark>,
    /// The time between the first and the last row of what was read last; none before.
    span: Option<Duration>,
}

/// The places that stand in all of some groups of lists, in one list of each group at least; and perhaps a few others, since
/// marks are short and what has very many properties has none: whoever asks looks at each entry anyway.
#[derive(Debug)]
pub(super) struct Join {
    groups: Vec<Group>,
    /// Where the search goes on; nowhere at the end.
    target: Option<Position>,
    /// The group that is read, and how many pages of it without a place.
    turn: usize,
    in_a_row: usize,
}

impl Join {
    /// Joins groups of lists from a place on; about `first` places are wanted.
    pub(super) fn new(groups: Vec<Vec<Key>>, from: Position, first: usize) -> Self {
        let first = if groups.len() > 1 { SAMPLE } else { first.clamp(MIN_PAGE, MAX_PAGE) };
        let group = |lists: Vec<Key>| Group {
            marks: lists.iter().map(mark_of).collect(),
            lists: lists.into_iter().map(|prefix| List::new(prefix, first)).collect(),
            span: None,
        };
        let groups = groups.into_iter().map(group).collect();
        Self { groups, target: Some(from), turn: 0, in_a_row: 0 }
    }

    /// The next place.
    pub(super) async fn next(&mut self, store: &dyn Store) -> Result<Option<Position>, StoreError> {
        let Some(mut target) = self.target.take() else { return Ok(None) };
        loop {
            match self.seek(store, target).await? {
                Sought::Found(found) => {
                    self.target = found.next();
                    self.in_a_row = 0;
                    return Ok(Some(found));
                }
                Sought::NoneBefore(rest) => target = rest,
                Sought::End => return Ok(None),
            }
            self.pass_on();
        }
    }

    /// Asks the group whose turn it is.
    async fn seek(&mut self, store: &dyn Store, target: Position) -> Result<Sought, StoreError> {
        let wanted: Vec<Vec<Mark>> = match self.groups.len() {
            0 | 1 => Vec::new(),
            _ => self.groups.iter().map(|group| group.marks.clone()).collect(),
        };
        let Some(group) = self.groups.get_mut(self.turn) else { return Ok(Sought::End) };
        let counts =
            |marks: Marks<'_>| wanted.iter().all(|group| group.iter().any(|mark| marks.may_have(*mark)));
        let mut first = Sought::End;
        for list in &mut group.lists {
            let (sought, span) = list.seek(store, target, counts).await?;
            group.span = span.or(group.span);
            first = match (first, sought) {
                (Sought::End, other) | (other, Sought::End) => other,
                // What one list has not read yet may stand before what another has found.
                (
                    Sought::Found(one) | Sought::NoneBefore(one),
                    Sought::Found(other) | Sought::NoneBefore(other),
                ) if one != other => {
                    if one < other {
                        first
                    } else {
                        sought
                    }
                }
                (Sought::Found(_), _) => first,
                (Sought::NoneBefore(_), _) => sought,
            };
        }
        Ok(first)
    }

    /// Whose turn is next: whoever was not asked yet, or else whose rows stand furthest from each other.
    fn pass_on(&mut self) {
        self.in_a_row += 1;
        if self.in_a_row.is_multiple_of(IN_A_ROW) {
            self.turn = (self.turn + 1) % self.groups.len().max(1);
            return;
        }
        let by_span = |(_, group): &(usize, &Group)| group.span.unwrap_or(Duration::MAX);
        self.turn = self.groups.iter().enumerate().max_by_key(by_span).map_or(0, |(at, _)| at);
    }
}
