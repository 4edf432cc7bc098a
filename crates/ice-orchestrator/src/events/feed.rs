//! One feed over all runs of a tenant, in the order of commits, resumable.
//!
//! The cursor is a commit. Where the store no longer keeps the changes since then, the versions of the runs'
//! heads tell which runs have changed, and the versions of their chunks what happened when: nothing is lost.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use futures::StreamExt;
use ice_core::id::{RunId, Tenant};
use ice_core::store::{ChangeKind, CommitSeq, Key, Store, Watch, WatchEvent};

use super::cursor::Position;
use super::{Cursor, Event};
use crate::engine::{Engine, RunError};
use crate::journal::{Body, Numbered, Reader, keys};

/// Journals that are kept open.
const OPEN: usize = 4_096;
/// Heads read from the store at a time.
const PAGE: usize = 256;

/// The feed of a tenant: the durable events of all its runs.
pub struct Feed {
    engine: Engine,
    tenant: Tenant,
    changes: Watch,
    /// Commits up to this one were seen, and of it so many records.
    seen: (u64, u64),
    open: HashMap<RunId, Open>,
    /// What is being found out of changes that the store no longer keeps.
    behind: Option<Behind>,
    /// Commits to journals that are to be read, in order.
    changed: VecDeque<(u64, RunId)>,
    ready: VecDeque<Event>,
}

/// The search for the runs that have changed between two commits.
struct Behind {
    commits: RangeInclusive<u64>,
    /// The head that was looked at last.
    after: Option<Key>,
    found: Vec<(u64, RunId)>,
}

/// A journal that is kept open, and what was read of it but not shown.
struct Open {
    reader: Reader,
    unseen: VecDeque<Numbered>,
    /// The commit it was read for last.
    used: u64,
}

impl Engine {
    /// The feed of a tenant, from now on or after a cursor.
    ///
    /// # Errors
    /// [`RunError::Option`] if the cursor belongs to a run's events.
    pub fn feed(&self, tenant: &Tenant, cursor: Option<Cursor>) -> Result<Feed, RunError> {
        let seen = match cursor.map(|cursor| cursor.0) {
            None => (self.store().last_commit().0, u64::MAX),
            Some(Position::Feed { commit, seen }) => (commit, seen),
            Some(Position::Run { .. }) => {
                let found = "the cursor of a run's events".to_owned();
                return Err(RunError::Option { option: "cursor", found, rule: "a cursor of this feed" });
            }
        };
        let after = CommitSeq(seen.0.saturating_sub(1));
        Ok(Feed {
            engine: self.clone(),
            tenant: tenant.clone(),
            changes: self.store().watch(&keys::journals(tenant), Some(after)),
            seen,
            open: HashMap::new(),
            behind: None,
            changed: VecDeque::new(),
            ready: VecDeque::new(),
        })
    }
}

impl Feed {
    /// The next event; waits for it. Nothing if the store is gone. Cancel-safe.
    ///
    /// # Errors
    /// [`RunError`] if a journal cannot be read.
    pub async fn next(&mut self) -> Result<Option<Event>, RunError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if let Some(behind) = &mut self.behind {
                behind.look(&**self.engine.store(), &self.tenant).await?;
                self.changed.extend(self.behind.take().into_iter().flat_map(|behind| behind.found));
            }
            if let Some((commit, run)) = self.changed.front().copied() {
                let records = self.take(run, commit..=commit).await?;
                self.changed.pop_front();
                self.show(run, records);
                continue;
            }
            match self.changes.next().await {
                Some(WatchEvent::Changed(change)) if change.kind == ChangeKind::Put => {
                    let run = keys::run_of_chunk(&self.tenant, &change.key);
                    self.changed.extend(run.map(|run| (change.seq.0, run)));
                }
                Some(WatchEvent::Changed(_)) => {}
                Some(WatchEvent::Gap { from, to }) => {
                    let commits = from.0.saturating_add(1)..=to.0;
                    self.behind = Some(Behind { commits, after: None, found: Vec::new() });
                }
                None => return Ok(None),
            }
        }
    }

    /// The records of a run that were written by these commits.
    async fn take(&mut self, run: RunId, commits: RangeInclusive<u64>) -> Result<Vec<Numbered>, RunError> {
        if self.open.len() >= OPEN && !self.open.contains_key(&run) {
            // It is read from its beginning when it changes again: the one that was quiet for longest goes.
            let quiet = self.open.iter().min_by_key(|(_, open)| open.used).map(|(run, _)| *run);
            quiet.and_then(|run| self.open.remove(&run));
        }
        let (store, blobs) = (self.engine.store(), self.engine.blobs());
        let open = self.open.entry(run).or_insert_with(|| Open {
            reader: Reader::new(Arc::clone(store), Arc::clone(blobs), &self.tenant, run),
            unseen: VecDeque::new(),
            used: 0,
        });
        open.used = *commits.end();
        loop {
            let records = open.reader.read().await?;
            if records.is_empty() {
                break;
            }
            open.unseen.extend(records);
        }
        let mut taken = Vec::new();
        while let Some(first) = open.unseen.front() {
            if first.version.0 > *commits.end() {
                break;
            }
            let numbered = open.unseen.pop_front();
            taken.extend(numbered.filter(|numbered| commits.contains(&numbered.version.0)));
        }
        if taken.last().is_some_and(|last| matches!(last.record.body, Body::Ended { .. })) {
            self.open.remove(&run);
        }
        Ok(taken)
    }

    /// Queues records, those of one commit after the other.
    fn show(&mut self, run: RunId, records: Vec<Numbered>) {
        let (mut commit, mut seen) = (0, 0);
        for numbered in records {
            seen = if numbered.version.0 == commit { seen + 1 } else { 1 };
            commit = numbered.version.0;
            if (commit, seen) > self.seen {
                let cursor = Cursor(Position::Feed { commit, seen });
                self.ready.push_back(Event::durable(
                    run,
                    numbered.number,
                    (&numbered.record, self.engine.views()),
                    cursor,
                ));
            }
        }
    }
}

impl Behind {
    /// Finds the commits to the journals of every run that has changed, and puts them in order. Cancel-safe: it
    /// goes on with the run it was at.
    async fn look(&mut self, store: &dyn Store, tenant: &Tenant) -> Result<(), RunError> {
        let folder = keys::heads(tenant);
        loop {
            let heads = store.scan(&folder, self.after.as_ref(), PAGE).await?;
            if heads.is_empty() {
                break;
            }
            for head in heads {
                let run = head.key.as_str().strip_prefix(folder.as_str()).and_then(keys::run_of);
                if let Some(run) = run.filter(|_| head.version.0 >= *self.commits.start()) {
                    self.found.extend(chunks(store, tenant, run, &self.commits).await?);
                }
                self.after = Some(head.key);
            }
        }
        self.found.sort_unstable();
        self.found.dedup();
        Ok(())
    }
}

/// The commits to a run's journal among these.
async fn chunks(
    store: &dyn Store,
    tenant: &Tenant,
    run: RunId,
    commits: &RangeInclusive<u64>,
) -> Result<Vec<(u64, RunId)>, RunError> {
    let journal = keys::journal(tenant, run);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let chunks = store.scan(&journal, after.as_ref(), PAGE).await?;
        let Some(last) = chunks.last() else { return Ok(found) };
        after = Some(last.key.clone());
        let written = chunks.iter().map(|chunk| chunk.version.0);
        found.extend(written.filter(|commit| commits.contains(commit)).map(|commit| (commit, run)));
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
