//! The recent changes of a store, and who waits for them. For whoever implements the port of the store.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ahash::AHashMap;
use futures::Stream;

use super::lock::lock;
use super::{Change, CommitSeq, Key, Watch, WatchEvent};

/// How many changes are kept, for all watchers together and for each one that is slow.
#[derive(Clone, Copy, Debug)]
pub struct FeedLimits {
    /// Changes kept for watches that begin at an earlier commit.
    pub ring: usize,
    /// Changes kept for one watcher that does not read.
    pub per_watcher: usize,
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self { ring: 8_192, per_watcher: 1_024 }
    }
}

/// Folders watched of which each is compared with a key, instead of each folder of the key looked up.
const FEW: usize = 8;

/// Takes changes in commit order and hands them to the watchers of their prefix. What a watcher does not read is bounded; what is
/// beyond the bounds becomes a [`WatchEvent::Gap`].
///
/// ```
/// use futures::{FutureExt, StreamExt};
/// use ice_core::store::{Change, ChangeKind, CommitSeq, Feed, FeedLimits, Key, WatchEvent};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let feed = Feed::new(CommitSeq(0), FeedLimits::default());
/// let mut watch = feed.watch(&Key::new("a/")?, None, CommitSeq(0));
/// let change = Change { seq: CommitSeq(1), key: Key::new("a/b")?, kind: ChangeKind::Put };
/// feed.publish([change.clone()]);
/// feed.skip(CommitSeq(5));
/// feed.close();
/// assert_eq!(watch.next().now_or_never(), Some(Some(WatchEvent::Gap { from: CommitSeq(0), to: CommitSeq(5) })));
/// assert_eq!(watch.next().now_or_never(), Some(None));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Feed {
    ring: Mutex<Ring>,
    watchers: AtomicUsize,
    limits: FeedLimits,
}

#[derive(Debug)]
struct Ring {
    changes: VecDeque<Change>,
    /// Changes of commits up to this one are no longer in the ring.
    dropped: CommitSeq,
    /// Watchers whose prefix ends in `/`, found by the segments of a key.
    folders: AHashMap<Box<str>, Vec<Arc<Watcher>>>,
    /// Watchers of any other prefix, compared one by one.
    others: Vec<Arc<Watcher>>,
    closed: bool,
}

impl Feed {
    /// An empty feed of a store whose last commit is `start`.
    #[must_use]
    pub fn new(start: CommitSeq, limits: FeedLimits) -> Arc<Self> {
        let ring = Ring {
            changes: VecDeque::new(),
            dropped: start,
            folders: AHashMap::new(),
            others: Vec::new(),
            closed: false,
        };
        Arc::new(Self { ring: Mutex::new(ring), watchers: AtomicUsize::new(0), limits })
    }

    /// Adds changes, which come in commit order, and wakes the watchers they are for.
    pub fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        let mut ring = lock(&self.ring);
        let watched = self.watchers.load(Ordering::Relaxed) > 0;
        for change in changes {
            if watched {
                ring.deliver(&change, self.limits.per_watcher);
            }
            if ring.changes.len() >= self.limits.ring
                && let Some(oldest) = ring.changes.pop_front()
            {
                ring.dropped = oldest.seq;
            }
            ring.changes.push_back(change);
        }
    }

    /// Says that changes of commits up to `to` are not known here: every watcher gets a gap up to there, in place of what it has
    /// not read yet.
    pub fn skip(&self, to: CommitSeq) {
        let mut ring = lock(&self.ring);
        ring.changes.clear();
        ring.dropped = ring.dropped.max(to);
        for watcher in ring.folders.values().flatten().chain(&ring.others) {
            watcher.skip(to);
        }
    }

    /// Ends all watches: what they have is still read, then their streams end.
    pub fn close(&self) {
        let mut ring = lock(&self.ring);
        ring.closed = true;
        for watcher in ring.folders.values().flatten().chain(&ring.others) {
            watcher.close();
        }
    }

    /// Begins a watch. `after` is the commit that was seen last; without it the watch begins at `now`.
    pub fn watch(self: &Arc<Self>, prefix: &Key, after: Option<CommitSeq>, now: CommitSeq) -> Watch {
        let mut ring = lock(&self.ring);
        let mut queue = Queue { seen: after.unwrap_or(now), ..Queue::default() };
        queue.closed = ring.closed;
        if let Some(after) = after {
            if after < ring.dropped {
                queue.gap = Some(ring.dropped);
            }
            let from = after.max(ring.dropped);
            let missed = ring.changes.iter().rev().take_while(|change| change.seq > from);
            let mut missed: Vec<Change> =
                missed.filter(|change| change.key.as_str().starts_with(prefix.as_str())).cloned().collect();
            missed.reverse();
            for change in missed {
                queue.push(change, self.limits.per_watcher);
            }
        }
        let watcher = Arc::new(Watcher { prefix: prefix.clone(), queue: Mutex::new(queue) });
        if prefix.as_str().ends_with('/') {
            ring.folders.entry(Box::from(prefix.as_str())).or_default().push(Arc::clone(&watcher));
        } else {
            ring.others.push(Arc::clone(&watcher));
        }
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Box::pin(Watching { feed: Arc::clone(self), watcher })
    }

    fn forget(&self, watcher: &Arc<Watcher>) {
        let mut ring = lock(&self.ring);
        let prefix = watcher.prefix.as_str();
        if let Some(list) = ring.folders.get_mut(prefix) {
            list.retain(|other| !Arc::ptr_eq(other, watcher));
            if list.is_empty() {
                ring.folders.remove(prefix);
            }
        }
        ring.others.retain(|other| !Arc::ptr_eq(other, watcher));
        self.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ring {
    fn deliver(&self, change: &Change, limit: usize) {
        let key = change.key.as_str();
        if self.folders.len() <= FEW {
            // To compare a few is cheaper than to look each folder of the key up.
            let around = self.folders.iter().filter(|(folder, _)| key.starts_with(&***folder));
            around.flat_map(|(_, watchers)| watchers).for_each(|watcher| watcher.push(change, limit));
        } else {
            for (slash, _) in key.match_indices('/') {
                for watcher in
                    key.get(..=slash).and_then(|folder| self.folders.get(folder)).into_iter().flatten()
                {
                    watcher.push(change, limit);
                }
            }
        }
        for watcher in &self.others {
            if key.starts_with(watcher.prefix.as_str()) {
                watcher.push(change, limit);
            }
        }
    }
}

#[derive(Debug)]
struct Watcher {
    prefix: Key,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    changes: VecDeque<Change>,
    /// Changes of commits up to this one were dropped and are not announced yet.
    gap: Option<CommitSeq>,
    /// The last commit that was handed out, or asked for.
    seen: CommitSeq,
    waker: Option<Waker>,
    closed: bool,
}

impl Queue {
    /// Keeps a change. A queue that is full is dropped whole, so that what follows a gap is complete.
    fn push(&mut self, change: Change, limit: usize) {
        if self.gap.is_some_and(|gap| change.seq <= gap) {
            return;
        }
        if self.changes.len() >= limit {
            self.changes.clear();
            self.gap = Some(change.seq);
        } else {
            self.changes.push_back(change);
        }
    }

    fn skip(&mut self, to: CommitSeq) {
        if to > self.seen {
            self.changes.clear();
            self.gap = Some(self.gap.map_or(to, |gap| gap.max(to)));
        }
    }

    fn pop(&mut self) -> Option<WatchEvent> {
        if let Some(to) = self.gap.take() {
            let from = std::mem::replace(&mut self.seen, to);
            return Some(WatchEvent::Gap { from, to });
        }
        let change = self.changes.pop_front()?;
        self.seen = change.seq;
        Some(WatchEvent::Changed(change))
    }
}

impl Watcher {
    fn push(&self, change: &Change, limit: usize) {
        let mut queue = lock(&self.queue);
        queue.push(change.clone(), limit);
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    fn skip(&self, to: CommitSeq) {
        let mut queue = lock(&self.queue);
        queue.skip(to);
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }
}

struct Watching {
    feed: Arc<Feed>,
    watcher: Arc<Watcher>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("prefix", &self.watcher.prefix).finish_non_exhaustive()
    }
}

impl Stream for Watching {
    type Item = WatchEvent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<WatchEvent>> {
        let mut queue = lock(&self.watcher.queue);
        if let Some(event) = queue.pop() {
            return Poll::Ready(Some(event));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.feed.forget(&self.watcher);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;
    use crate::store::ChangeKind;

    fn change(seq: u64, key: &str) -> Change {
        Change { seq: CommitSeq(seq), key: Key::new(key).unwrap(), kind: ChangeKind::Put }
    }

    fn read(watch: &mut Watch) -> Vec<WatchEvent> {
        std::iter::from_fn(|| watch.next().now_or_never().flatten()).collect()
    }

    fn small() -> Arc<Feed> {
        Feed::new(CommitSeq(0), FeedLimits { ring: 4, per_watcher: 2 })
    }

    #[test]
    fn watchers_see_their_prefix_only() {
        let feed = Feed::new(CommitSeq(0), FeedLimits::default());
        let mut folder = feed.watch(&Key::new("a/b/").unwrap(), None, CommitSeq(0));
        let mut loose = feed.watch(&Key::new("a/b").unwrap(), None, CommitSeq(0));
        feed.publish([change(1, "a/b/c"), change(1, "a/bc"), change(2, "b/b/c"), change(3, "a/b/d/e")]);
        let changed = |seq, key| WatchEvent::Changed(change(seq, key));
        assert_eq!(read(&mut folder), [changed(1, "a/b/c"), changed(3, "a/b/d/e")]);
        assert_eq!(read(&mut loose), [changed(1, "a/b/c"), changed(1, "a/bc"), changed(3, "a/b/d/e")]);
    }

    #[test]
    fn a_slow_reader_gets_one_gap_and_goes_on_behind_it() {
        let feed = small();
        let mut watch = feed.watch(&Key::new("k/").unwrap(), None, CommitSeq(0));
        feed.publish([
            change(1, "k/a"),
            change(2, "k/b"),
            change(3, "k/c"),
            change(3, "k/d"),
            change(4, "k/e"),
        ]);
        let gap = WatchEvent::Gap { from: CommitSeq(0), to: CommitSeq(3) };
        assert_eq!(read(&mut watch), [gap, WatchEvent::Changed(change(4, "k/e"))]);
    }

    #[test]
    fn what_is_skipped_is_a_gap_for_those_who_have_not_seen_it() {
        let feed = Feed::new(CommitSeq(0), FeedLimits::default());
        let prefix = Key::new("k/").unwrap();
        let mut behind = feed.watch(&prefix, None, CommitSeq(0));
        let mut ahead = feed.watch(&prefix, Some(CommitSeq(9)), CommitSeq(0));
        feed.publish([change(1, "k/a")]);
        feed.skip(CommitSeq(7));
        feed.publish([change(8, "k/b"), change(10, "k/c")]);
        let changed = |seq, key| WatchEvent::Changed(change(seq, key));
        let gap = WatchEvent::Gap { from: CommitSeq(0), to: CommitSeq(7) };
        assert_eq!(read(&mut behind), [gap, changed(8, "k/b"), changed(10, "k/c")]);
        assert!(!read(&mut ahead).iter().any(|event| matches!(event, WatchEvent::Gap { .. })));
        let mut late = feed.watch(&prefix, Some(CommitSeq(2)), CommitSeq(10));
        let gap = WatchEvent::Gap { from: CommitSeq(2), to: CommitSeq(7) };
        assert_eq!(read(&mut late), [gap, changed(8, "k/b"), changed(10, "k/c")]);
    }

    #[test]
    fn an_old_cursor_gets_a_gap_and_a_recent_one_does_not() {
        let feed = Feed::new(CommitSeq(0), FeedLimits { ring: 4, per_watcher: 16 });
        feed.publish((1..=6).map(|seq| change(seq, "k/a")));
        let prefix = Key::new("k/").unwrap();
        let changed = |seq| WatchEvent::Changed(change(seq, "k/a"));
        let mut old = feed.watch(&prefix, Some(CommitSeq(1)), CommitSeq(6));
        let gap = WatchEvent::Gap { from: CommitSeq(1), to: CommitSeq(2) };
        assert_eq!(read(&mut old), [gap, changed(3), changed(4), changed(5), changed(6)]);
        let mut recent = feed.watch(&prefix, Some(CommitSeq(4)), CommitSeq(6));
        assert_eq!(read(&mut recent), [changed(5), changed(6)]);
    }

    #[test]
    fn dropping_a_watch_forgets_it_and_closing_ends_the_others() {
        let feed = small();
        let prefix = Key::new("k/").unwrap();
        drop(feed.watch(&prefix, None, CommitSeq(0)));
        assert_eq!(feed.watchers.load(Ordering::Relaxed), 0);
        assert!(lock(&feed.ring).folders.is_empty());
        let mut open = feed.watch(&prefix, None, CommitSeq(0));
        feed.publish([change(1, "k/a")]);
        feed.close();
        assert_eq!(open.next().now_or_never(), Some(Some(WatchEvent::Changed(change(1, "k/a")))));
        assert_eq!(open.next().now_or_never(), Some(None));
    }
}
