//! The one task that writes: it makes one batch of what waits, and answers once that is committed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::counters::{Counted, settle};
use super::draft::{Change, Draft};
use super::metrics::Metrics;
use super::operation::{Done, Operation, Pass};
use super::places::expiry_of;
use super::rules::Rules;
use crate::memory::{IndexChange, MemoryError};
use crate::store::{Batch, BlobGuard, CommitError, Key};
use crate::time::Moment;

/// The most operations of one batch.
const MAX_GROUP: usize = 256;
/// The most bytes of one batch, roughly, unless the store allows less.
const MAX_BYTES: usize = 8 << 20;
/// After so many lost races operations are tried one by one.
const ALONE_AFTER: u32 = 8;
/// After so many lost races an operation is given up.
const MAX_ATTEMPTS: u32 = 64;
/// What has ended by itself is removed at most so often, and so many at a time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SWEEP: usize = 128;

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) operation: Operation,
    /// Keeps the blobs of the operation until it is committed.
    pub(super) guard: Option<BlobGuard>,
    pub(super) reply: oneshot::Sender<Result<Done, MemoryError>>,
}

/// The task that writes.
#[derive(Debug)]
pub(super) struct Writer {
    rules: Arc<Rules>,
    queue: mpsc::Receiver<Request>,
    metrics: Metrics,
    /// Names its counters.
    name: String,
    used: u64,
    /// When something was last looked for that has ended by itself.
    swept: Option<Moment>,
}

/// What became of a batch.
enum Committed {
    Done(Vec<Result<Done, MemoryError>>),
    /// Somebody else changed what it rests on.
    Lost,
}

impl Writer {
    pub(super) fn new(rules: Arc<Rules>, queue: mpsc::Receiver<Request>) -> Self {
        let name = rules.ids.uuid().simple().to_string();
        Self { rules, queue, metrics: Metrics::new(), name, used: 0, swept: None }
    }

    /// Writes until nobody can ask for it any more.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            let mut waiting = VecDeque::from([first]);
            while waiting.len() < MAX_GROUP
                && let Ok(next) = self.queue.try_recv()
            {
                waiting.push_back(next);
            }
            self.write_all(waiting).await;
            self.sweep().await;
        }
    }

    async fn write_all(&mut self, mut waiting: VecDeque<Request>) {
        let mut attempts = 0;
        while !waiting.is_empty() {
            let most = if attempts < ALONE_AFTER { waiting.len() } else { 1 };
            let operations: Vec<&Operation> =
                waiting.iter().take(most).map(|request| &request.operation).collect();
            match self.commit(&operations).await {
                Ok(Committed::Done(results)) => {
                    attempts = 0;
                    for result in results {
                        Self::answer(waiting.pop_front(), result);
                    }
                }
                Ok(Committed::Lost) => {
                    attempts += 1;
                    self.metrics.lost();
                    if attempts >= MAX_ATTEMPTS {
                        let error = MemoryError::Conflict { attempts: std::mem::take(&mut attempts) };
                        Self::answer(waiting.pop_front(), Err(error));
                    }
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    // Whether the batch was applied is not known: nothing is tried again.
                    for _ in 0..most {
                        Self::answer(waiting.pop_front(), Err(error.clone()));
                    }
                }
            }
        }
    }

    fn answer(request: Option<Request>, result: Result<Done, MemoryError>) {
        let Some(request) = request else { return };
        if let (Err(error), Some(kind)) = (&result, request.operation.kind()) {
            super::metrics::refused(kind, error.reason());
        }
        // Who asked may have gone.
        drop(request.reply.send(result));
        drop(request.guard);
    }

    /// Commits as many of the operations, from the first on, as one batch has room for.
    async fn commit(&mut self, operations: &[&Operation]) -> Result<Committed, MemoryError> {
        let rules = Arc::clone(&self.rules);
        let (mut draft, mut counted) = (Draft::new(&*rules.store, &rules.places), Counted::default());
        draft.fetch(operations.iter().flat_map(|operation| expected(&rules, operation)).collect()).await?;
        let room = MAX_BYTES.min(rules.store.offers().max_batch_bytes / 4);
        let mut results = Vec::new();
        for operation in operations {
            if !results.is_empty() && draft.bytes() > room {
                break;
            }
            draft.begin();
            let now = rules.clock.now();
            let (draft, counted, used) = (&mut draft, &mut counted, &mut self.used);
            let result = Pass { rules: &rules, draft, counted, now, used }.add(operation).await;
            if result.is_err() {
                draft.undo();
            }
            results.push(result);
        }
        if draft.is_empty() {
            return Ok(Committed::Done(results));
        }
        settle(&mut draft, &self.name).await?;
        let batch = self.indexed(&draft, draft.batch()).await?;
        let kinds = draft.changes().iter().filter_map(Change::kind);
        match rules.store.commit(batch, rules.durability(kinds)).await {
            Ok(_) => {
                self.metrics.committed(draft.changes());
                if let Some(indexes) = &rules.indexes {
                    indexes.committed();
                }
                Ok(Committed::Done(results))
            }
            Err(CommitError::Conflict { .. }) => Ok(Committed::Lost),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// Lets the indexes of contents add to the batch.
    async fn indexed(&self, draft: &Draft<'_>, batch: Batch) -> Result<Batch, MemoryError> {
        let Some(indexes) = &self.rules.indexes else { return Ok(batch) };
        let changes: Vec<IndexChange<'_>> = draft.changes().iter().filter_map(Change::for_index).collect();
        indexes.change(batch, &changes).await
    }

    /// Removes some of what has ended by itself. What fails here is tried again later.
    async fn sweep(&mut self) {
        let now = self.rules.clock.now();
        if self.swept.is_some_and(|swept| now.since(swept) < SWEEP_EVERY && swept <= now) {
            return;
        }
        self.swept = Some(now);
        match expired(&self.rules, now, SWEEP).await {
            Ok(operations) if operations.is_empty() => {}
            Ok(operations) => {
                // More may wait: look again after the next batch.
                if operations.len() == SWEEP {
                    self.swept = None;
                }
                if let Err(error) = self.commit(&operations.iter().collect::<Vec<_>>()).await {
                    tracing::warn!(%error, "entries of memory that have ended were not removed");
                }
            }
            Err(error) => tracing::warn!(%error, "entries of memory that have ended were not looked for"),
        }
    }
}

/// What has ended by itself, the first to end first.
pub(super) async fn expired(rules: &Rules, now: Moment, most: usize) -> Result<Vec<Operation>, MemoryError> {
    let expiries = rules.places.expiries();
    let found = rules.store.scan(&expiries, None, most).await?;
    let ends = found.iter().filter_map(|entry| expiry_of(&entry.key, &expiries));
    Ok(ends.take_while(|(at, _)| *at <= now).map(|(_, id)| Operation::Expire(id)).collect())
}

/// The keys that an operation will ask for, as far as it is known now.
fn expected(rules: &Rules, operation: &Operation) -> Vec<Key> {
    let places = &rules.places;
    match operation {
        Operation::Remember(write) => {
            let (entry, source) = (&write.entry, &write.entry.source);
            let key = (!write.is_unnamed).then(|| places.current(&entry.scope, entry.kind(), &entry.key));
            let idempotency = source.idempotency.as_deref().map(|key| places.idempotency(key));
            [key, idempotency, source.run.map(|run| places.taken_back(run))].into_iter().flatten().collect()
        }
        Operation::Touch(id)
        | Operation::Amend(id, _)
        | Operation::Forget(id)
        | Operation::Erase(id)
        | Operation::TakeBack(id, _)
        | Operation::Expire(id)
        | Operation::Drop(id) => vec![places.entry(*id)],
        Operation::Restore(write) => vec![places.entry(write.entry.id)],
    }
}

impl Operation {
    /// The kind of memory that it writes to, as far as it is known.
    const fn kind(&self) -> Option<crate::memory::Kind> {
        match self {
            Self::Remember(write) | Self::Restore(write) => Some(write.entry.kind()),
            Self::Touch(_)
            | Self::Amend(..)
            | Self::Forget(_)
            | Self::Erase(_)
            | Self::TakeBack(..)
            | Self::Expire(_)
            | Self::Drop(_) => None,
        }
    }
}
