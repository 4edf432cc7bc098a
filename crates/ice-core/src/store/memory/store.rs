//! Versioned keys in a sorted map behind one short lock.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::store::feed::{Feed, FeedLimits};
use crate::store::limits::{MAX_BATCH_BYTES, MAX_VALUE_BYTES, check_offer};
use crate::store::lock::lock;
use crate::store::{
    Batch, Change, ChangeKind, CommitError, CommitSeq, Durability, Entry, Expect, Expectation, Key, Offers,
    Store, StoreError, Version, Versioned, Watch,
};

/// A store in memory. Cheap: a commit is a few map operations; values are shared, never copied.
///
/// It offers [`Durability::Buffered`] only, since nothing of it outlives the process.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    feed: Arc<Feed>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Key, Versioned>,
    last: CommitSeq,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            feed: Feed::new(CommitSeq::default(), FeedLimits::default()),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.feed.close();
    }
}

impl State {
    fn check(&self, expectation: &Expectation) -> Result<(), CommitError> {
        let found = self.entries.get(&expectation.key).map(|entry| entry.version);
        let holds = match expectation.expect {
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        };
        if holds {
            Ok(())
        } else {
            Err(CommitError::Conflict { key: expectation.key.clone(), expected: expectation.expect, found })
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        Ok(lock(&self.state).entries.get(key).cloned())
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after.as_str()),
            Some(_) | None => Bound::Included(prefix.as_str()),
        };
        let state = lock(&self.state);
        let range = state.entries.range::<str, _>((start, Bound::Unbounded));
        let entry = |(key, found): (&Key, &Versioned)| Entry {
            key: key.clone(),
            value: found.value.clone(),
            version: found.version,
        };
        Ok(range
            .take_while(|(key, _)| key.as_str().starts_with(prefix.as_str()))
            .take(limit)
            .map(entry)
            .collect())
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        check_offer(&batch, durability, &self.offers())?;
        let (writes, expectations) = batch.into_parts();
        let mut state = lock(&self.state);
        expectations.iter().try_for_each(|expectation| state.check(expectation))?;
        if writes.is_empty() {
            return Ok(state.last);
        }
        let seq = CommitSeq(state.last.0.saturating_add(1));
        state.last = seq;
        let changes = writes.into_iter().map(|put| {
            let kind = match put.value {
                Some(value) => {
                    state.entries.insert(put.key.clone(), Versioned { value, version: Version(seq.0) });
                    ChangeKind::Put
                }
                None => {
                    state.entries.remove(&put.key);
                    ChangeKind::Delete
                }
            };
            Change { seq, key: put.key, kind }
        });
        // Published under the lock, so that the feed is in commit order.
        self.feed.publish(changes);
        Ok(seq)
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        let state = lock(&self.state);
        self.feed.watch(prefix, after, state.last)
    }

    fn last_commit(&self) -> CommitSeq {
        lock(&self.state).last
    }

    fn offers(&self) -> Offers {
        Offers {
            durability: Durability::Buffered,
            max_value_bytes: MAX_VALUE_BYTES,
            max_batch_bytes: MAX_BATCH_BYTES,
            persistent: false,
        }
    }

    /// Nothing of it lasts.
    async fn compact(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
