//! Writing one run's journal: records are gathered, and committed one batch at a time.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use ice_core::id::{RunId, Tenant};
use ice_core::store::{Batch, BlobGuard, CommitError, CommitSeq, Durability, Version};
use ice_core::time::Moment;
use ice_core::value::BlobHash;

use super::RunError;
use super::engine::Inner;
use super::holdings::Holdings;
use crate::journal::codec::{Chunk, EncodeError, Encoder};
use crate::journal::{Body, RunHead, RunStatus, keys};
use crate::workflow::Plan;
use crate::workflow::runtime::State;

/// A chunk that has become so large is closed; the records after it stand in the next one.
const CHUNK: usize = 1 << 20;

/// The most bytes that a chunk has room for before it is needed.
const MOST_ROOM: usize = 96 << 10;

/// Keys that a commit mostly writes besides full chunks, at most.
const WRITES: usize = 6;

/// A chunk's memory is used for the next one if it is no more than this.
const KEEP: usize = 16 << 10;

/// Writes one run's journal. Owned by the run's task.
pub(super) struct Writer {
    inner: Arc<Inner>,
    tenant: Tenant,
    run: RunId,
    guard: Arc<BlobGuard>,
    encoder: Encoder,
    holdings: Holdings,
    chunk: Chunk,
    /// Chunks before it that are closed, and their bytes.
    closed: Vec<Chunk>,
    closed_bytes: usize,
    /// Changes that go with the next batch.
    extra: Vec<Batch>,
    head: RunHead,
    /// The version of the head in the store; none before the first commit.
    version: Option<Version>,
    durability: Durability,
    flight: Option<Flight>,
    /// Whether the next commit, or the one under way, brings the plan.
    brings_plan: bool,
    /// Records before this number are durable.
    pub(super) durable: u64,
}

struct Flight {
    upto: u64,
    durability: Durability,
    future: BoxFuture<'static, Result<CommitSeq, CommitError>>,
}

impl Writer {
    pub(super) fn new(
        inner: Arc<Inner>,
        tenant: Tenant,
        head: RunHead,
        version: Option<Version>,
        encoder: Encoder,
        holdings: Holdings,
        durability: Durability,
    ) -> Self {
        let guard = Arc::new(inner.blobs.enter());
        let (run, next) = (head.summary.id, head.next);
        Self {
            inner,
            tenant,
            run,
            guard,
            encoder,
            holdings,
            chunk: Chunk::default(),
            closed: Vec::new(),
            closed_bytes: 0,
            extra: Vec::new(),
            head,
            version,
            durability,
            flight: None,
            brings_plan: false,
            durable: next,
        }
    }

    /// Adds a record to the next batch. After an error everything is as if it had not been asked for.
    pub(super) fn push(&mut self, at: Moment, body: &Body) -> Result<(), EncodeError> {
        let brought = self.holdings.weigh(body)?;
        if brought.is_plain() {
            Encoder::push_plain(at, body, &mut self.chunk)?;
        } else {
            self.encoder.push(at, body, &mut self.chunk)?;
        }
        self.holdings.keep(brought);
        if self.chunk.bytes.len() >= CHUNK {
            self.closed_bytes += self.chunk.bytes.len();
            self.closed.push(std::mem::take(&mut self.chunk));
        }
        Ok(())
    }

    /// Adds changes to the next batch.
    pub(super) fn with(&mut self, batch: Batch) {
        if !batch.is_empty() || !batch.expectations().is_empty() {
            self.extra.push(batch);
        }
    }

    /// Bytes that wait to be committed.
    pub(super) const fn waiting(&self) -> usize {
        self.closed_bytes + self.chunk.bytes.len()
    }

    /// Whether something waits to be committed.
    pub(super) fn has_waiting(&self) -> bool {
        self.chunk.records > 0 || !self.closed.is_empty() || !self.extra.is_empty()
    }

    /// Whether a commit is under way.
    pub(super) const fn is_flying(&self) -> bool {
        self.flight.is_some()
    }

    /// The durability that records of this run are promised.
    pub(super) const fn promise(&self) -> Durability {
        self.durability
    }

    /// Starts to commit everything that waits. Nothing may be under way.
    pub(super) fn begin(
        &mut self,
        state: Option<&State>,
        status: RunStatus,
        durability: Durability,
    ) -> Result<(), RunError> {
        let chunk = std::mem::take(&mut self.chunk);
        let closed = std::mem::take(&mut self.closed);
        self.closed_bytes = 0;
        let empty = Batch::with_room(closed.len() + WRITES);
        let mut batch = std::mem::take(&mut self.extra).into_iter().fold(empty, Batch::merge);
        let before = self.version.map(|_| self.head.summary.status);
        let (old_timer, timer) = (self.head.timer, state.and_then(State::next_timer));
        let (mut blobs, mut most) = (Vec::new(), 0);
        for mut chunk in closed.into_iter().chain([chunk]) {
            if chunk.records > 0 {
                self.inner.meters.records.increment(chunk.records);
                self.inner.meters.bytes.increment(chunk.bytes.len() as u64);
                let key = keys::chunk(&self.tenant, self.run, self.head.next);
                let (length, room) = (chunk.bytes.len(), chunk.bytes.capacity());
                let value = if room > KEEP && length >= room - room / 8 {
                    Bytes::from(std::mem::take(&mut chunk.bytes))
                } else {
                    // Encoded with room to spare; the store may keep it for long.
                    Bytes::copy_from_slice(&chunk.bytes)
                };
                batch = batch.put(key, value);
                self.head.next += chunk.records;
                most = most.max(length);
            }
            blobs.append(&mut chunk.blobs);
            chunk.bytes.clear();
            self.chunk.bytes = chunk.bytes;
        }
        if self.chunk.bytes.capacity() > KEEP || most > KEEP {
            self.chunk = Chunk::with_room((most + most / 16).min(MOST_ROOM));
        }
        self.head.summary.status = status;
        self.head.timer = timer;
        if let Some(state) = state {
            self.head.summary.updated_at = state.updated_at();
            self.head.summary.failure = state.failure().cloned();
        }
        let head = keys::head(&self.tenant, self.run);
        let value = self.head.to_json().map_err(|error| RunError::record(self.run, "its head", &error))?;
        batch = match self.version {
            Some(version) => batch.expect_version(head.clone(), version),
            // Nobody else has this id: it was drawn a moment ago. To have the store look for it costs as much as
            // the rest of a short run.
            None => {
                let blueprint = &self.head.summary.blueprint_id;
                batch.put(keys::of_blueprint(&self.tenant, blueprint, self.run), Bytes::new())
            }
        };
        batch = batch.put(head, value);
        if before != Some(status) {
            if let Some(before) = before {
                batch = batch.delete(keys::in_status(&self.tenant, before, self.run));
            }
            batch = batch.put(keys::in_status(&self.tenant, status, self.run), Bytes::new());
        }
        batch = self.timer(batch, old_timer, timer);
        let (inner, guard) = (Arc::clone(&self.inner), Arc::clone(&self.guard));
        // Records become durable with those after them; blobs do not, so they are at once.
        let promise = self.durability;
        let future = Box::pin(async move {
            for blob in blobs {
                inner.blobs.put(&guard, blob, promise).await?;
            }
            inner.store.commit(batch, durability).await
        });
        self.flight = Some(Flight { upto: self.head.next, durability, future });
        Ok(())
    }

    fn timer(&self, mut batch: Batch, old: Option<Moment>, new: Option<Moment>) -> Batch {
        if old != new {
            if let Some(old) = old {
                batch = batch.delete(keys::timer(&self.tenant, old, self.run));
            }
            if let Some(new) = new {
                batch = batch.put(keys::timer(&self.tenant, new, self.run), Bytes::new());
            }
        }
        batch
    }

    /// Waits for the commit under way; for ever if there is none. Cancel-safe.
    pub(super) async fn landed(&mut self) -> Result<(), RunError> {
        let Some(flight) = &mut self.flight else { return std::future::pending().await };
        let result = (&mut flight.future).await;
        let (upto, durability) = (flight.upto, flight.durability);
        self.flight = None;
        let seq = result.map_err(|error| RunError::commit(self.run, error))?;
        self.version = Some(Version(seq.0));
        if durability >= self.durability {
            self.durable = upto;
        }
        Ok(())
    }

    /// The plan goes with the first commit.
    pub(super) fn bring_plan(&mut self, tenant: &Tenant, plan: &Plan) {
        let document = Bytes::from_owner(Arc::clone(&plan.document));
        self.with(Batch::new().put(keys::plan(tenant, plan.hash), document));
        self.brings_plan = true;
    }

    /// The plan that the last commit brought into the store, if it did. To be asked once.
    pub(super) fn brought_plan(&mut self) -> Option<BlobHash> {
        std::mem::take(&mut self.brings_plan).then_some(self.head.plan)
    }
}
