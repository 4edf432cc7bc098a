//! Lists of entries by their properties, and the entries that stand in several of them.
//!
//! Lists are intersected by leaps: each list in turn goes to the first place not before the one that another has reached
//! (leapfrog join: T. L. Veldhuizen, "Leapfrog Triejoin", ICDT 2014). What is read grows with the shortest list, never with
//! all entries.

use std::collections::VecDeque;

use super::places::position_of;
use super::position::Position;
use crate::store::{Key, Store, StoreError};

/// The fewest and most places that are read at once.
const MIN_PAGE: usize = 8;
const MAX_PAGE: usize = 512;

/// Of so few places left each is looked at, whatever the other lists say: that takes less than leaps do.
const FEW: usize = 32;

/// One list, read page by page.
#[derive(Debug)]
struct List {
    prefix: Key,
    page: VecDeque<Position>,
    /// How many places are read next.
    next: usize,
    /// Whether the store has no more.
    is_all: bool,
    /// How often the page gave an answer; none before the first page.
    answers: Option<usize>,
}

impl List {
    fn new(prefix: Key, first: usize) -> Self {
        let next = first.clamp(MIN_PAGE, MAX_PAGE);
        Self { prefix, page: VecDeque::new(), next, is_all: false, answers: None }
    }

    /// The first place from `target` on.
    async fn seek(&mut self, store: &dyn Store, target: Position) -> Result<Option<Position>, StoreError> {
        let behind = self.page.partition_point(|position| *position < target);
        self.page.drain(..behind);
        if self.page.is_empty() && !self.is_all {
            // Who takes much of a page is given more and more, who leaps over it little.
            self.next = match self.answers {
                Some(answers) if answers > 1 => (self.next * 2).min(MAX_PAGE),
                Some(_) => (self.next / 2).max(MIN_PAGE),
                None => self.next,
            };
            let after = target.previous().map(|before| self.prefix.leaf(&before.text()));
            let found = store.scan(&self.prefix, after.as_ref(), self.next).await?;
            self.is_all = found.len() < self.next;
            self.page = found.iter().filter_map(|entry| position_of(&entry.key, &self.prefix)).collect();
            self.answers = Some(0);
        }
        self.answers = self.answers.map(|answers| answers + 1);
        Ok(self.page.front().copied())
    }
}

/// The places that stand in all of some groups of lists, in one list of each group at least; and, where one group has few
/// places left, perhaps some of its others: whoever asks looks at each entry anyway.
#[derive(Debug)]
pub(super) struct Join {
    groups: Vec<Vec<List>>,
    /// Where the search goes on; nowhere at the end.
    target: Option<Position>,
}

impl Join {
    /// Joins groups of lists from a place on; about `first` places are wanted.
    pub(super) fn new(groups: Vec<Vec<Key>>, from: Position, first: usize) -> Self {
        let group = |lists: Vec<Key>| lists.into_iter().map(|prefix| List::new(prefix, first)).collect();
        Self { groups: groups.into_iter().map(group).collect(), target: Some(from) }
    }

    /// The next place.
    pub(super) async fn next(&mut self, store: &dyn Store) -> Result<Option<Position>, StoreError> {
        let Some(mut target) = self.target.take() else { return Ok(None) };
        let is_short = |group: &Vec<List>| {
            let left = group.iter().map(|list| if list.is_all { list.page.len() } else { FEW + 1 });
            left.sum::<usize>() <= FEW
        };
        if let Some(short) = self.groups.iter().position(is_short).filter(|_| self.groups.len() > 1) {
            self.groups = vec![self.groups.swap_remove(short)];
        }
        let (mut agreed, mut turn) = (0, 0);
        while agreed < self.groups.len() {
            let Some(lists) = self.groups.get_mut(turn) else { return Ok(None) };
            let mut first = None;
            for list in lists {
                let found = list.seek(store, target).await?;
                first = first.into_iter().chain(found).min();
            }
            let Some(found) = first else { return Ok(None) };
            agreed = if found == target { agreed + 1 } else { 1 };
            target = found;
            turn = (turn + 1) % self.groups.len();
        }
        self.target = target.next();
        Ok(Some(target))
    }
}
