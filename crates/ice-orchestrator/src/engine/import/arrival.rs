//! The end of a run's file: what is in it is compared with what is here, and becomes a run of this store.

use bytes::Bytes;
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::store::{Batch, CommitError, Durability, Expect, Key, Version};
use std::sync::Arc;

use super::{Arrived, Import};
use crate::engine::bound::To;
use crate::engine::{Engine, RunError};
use crate::journal::codec::{Chunk, Encoder};
use crate::journal::{Body, Failure, Imported, Manifest, Record, RunHead, RunStatus, RunSummary, keys};
use crate::workflow::runtime::{State, apply};

/// What is known of a run once its file has ended.
struct Whole {
    run: RunId,
    manifest: Arc<Manifest>,
    state: State,
    to: To,
    migrated: Option<u64>,
}

impl Import {
    /// Compares what is known of the file with what is here, and commits it.
    pub(super) async fn arrive(&mut self) -> Result<Arrived, RunError> {
        self.unpacker.finish()?;
        let whole = self.whole()?;
        let run = whole.run;
        let inner = Arc::clone(&self.engine.inner);
        let _reserved = loop {
            let settled = inner.settled.notified();
            match inner.reserve(run) {
                Some(reserved) => break reserved,
                None => settled.await,
            }
        };
        if let Some((head, _)) = inner.head(&self.tenant, run).await? {
            let is_same = self.is_same(&head, whole.state.next_number()).await?;
            let status = head.summary.status;
            return if is_same {
                Ok(Arrived { run, status, was_here: true })
            } else {
                Err(RunError::Exists(run))
            };
        }
        if self.engine.is_elsewhere(&self.tenant, run).await? {
            return Err(RunError::Exists(run));
        }
        let status = self.commit(whole).await?;
        self.guard = None;
        tracing::info!(%run, %status, by = %self.by, "run imported");
        Ok(Arrived { run, status, was_here: false })
    }

    /// Everything that must be in the file is.
    fn whole(&mut self) -> Result<Whole, RunError> {
        let run = self.run()?;
        let unsound = |what: String| RunError::Unsound { run, what };
        let records = self.header.as_ref().map_or(0, |header| header.records);
        let (Some(contents), Some((plan, ..))) = (self.contents.take(), &self.plan) else {
            return Err(unsound("it has no journal".to_owned()));
        };
        if contents.next != records {
            return Err(unsound(format!("it has {} records, and says {records}", contents.next)));
        }
        if let Some(hash) = contents.needless(&self.blobs) {
            return Err(unsound(format!("nothing in it names the blob {hash}")));
        }
        let migrated = contents.bound.migrated;
        let (Some(manifest), Some(state), Some(to)) = (contents.manifest, contents.state, contents.bound.to)
        else {
            return Err(unsound("it has no records".to_owned()));
        };
        if to.plan != *plan {
            return Err(unsound(format!(
                "its journal is bound to the plan {}, not to the one in it",
                to.plan
            )));
        }
        Ok(Whole { run, manifest, state, to, migrated })
    }

    /// Whether the run that is here is the one of the file: all its records are the same, and it has not gone on.
    async fn is_same(&self, head: &RunHead, records: u64) -> Result<bool, RunError> {
        let is_parked = head.imported.as_ref().is_some_and(|imported| imported.records == records)
            && head.summary.status == RunStatus::Parked
            && head.next == records + 1;
        if head.next != records && !is_parked {
            return Ok(false);
        }
        for (first, bytes) in &self.chunks {
            let key = keys::chunk(&self.tenant, head.summary.id, *first);
            if self.engine.inner.store.get(&key).await?.is_none_or(|found| found.value != *bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes the run; gives where it stands.
    async fn commit(&mut self, whole: Whole) -> Result<RunStatus, RunError> {
        let Whole { run, manifest, mut state, to, migrated } = whole;
        let (inner, tenant) = (Arc::clone(&self.engine.inner), self.tenant.clone());
        let records = state.next_number();
        let now = inner.clock.now();
        if !state.status().is_final() {
            let record = Record { at: now, body: Body::Parked { failure: brought_by(&self.by) } };
            apply(&mut state, &record).map_err(|source| RunError::Fold { run, source })?;
            let mut chunk = Chunk::default();
            let written = Encoder::default().push(record.at, &record.body, &mut chunk);
            written.map_err(|error| RunError::record(run, "a record of its journal", &error))?;
            self.chunks.push((records, chunk.bytes.into()));
        }
        let status = state.status();
        let summary = RunSummary {
            id: run,
            status,
            blueprint_id: to.blueprint.clone(),
            name: to.name,
            by: manifest.by.clone(),
            started_at: state.started_at(),
            updated_at: state.updated_at(),
            failure: state.failure().cloned(),
        };
        let head = RunHead {
            version: manifest.version,
            summary,
            next: state.next_number(),
            owner: inner.name.clone(),
            epoch: inner.epoch(run).await?,
            plan: to.plan,
            timer: None,
            migrated,
            imported: Some(Imported { at: now, by: self.by.clone(), records }),
        };
        let value = head.to_json().map_err(|error| RunError::record(run, "its head", &error))?;
        let key = keys::head(&tenant, run);
        let chunks = std::mem::take(&mut self.chunks);
        // What an import may have left that ended in between.
        self.engine.clear(&tenant, run, &keys::journal(&tenant, run)).await?;
        let chunks = chunks.into_iter().map(|(first, chunk)| (keys::chunk(&tenant, run, first), chunk));
        let plan =
            self.plan.as_ref().map(|(hash, document, _)| (keys::plan(&tenant, *hash), document.clone()));
        let room = self.engine.room().saturating_sub(value.len());
        let (mut batch, mut left, mut begun) = (Batch::new(), room, None);
        for (at, bytes) in chunks.chain(plan) {
            let size = at.as_bytes().len() + bytes.len();
            if size > left && left < room {
                // Without a head it is no run yet.
                let first = batch.writes().first().map(|put| put.key.clone());
                let early = std::mem::take(&mut batch).expect_absent(key.clone());
                let done = inner.store.commit(early, Durability::Buffered).await;
                let seq = done.map_err(|error| taken(run, error))?;
                begun = begun.or_else(|| Some((first?, Version(seq.0))));
                left = room;
            }
            left = left.saturating_sub(size);
            batch = batch.put(at, bytes);
        }
        if let Some((first, version)) = begun {
            // Nobody has taken away what was written so far.
            batch = batch.expect_version(first, version);
        }
        batch = batch
            .expect_absent(key.clone())
            .put(key, value)
            .put(keys::in_status(&tenant, status, run), Bytes::new())
            .put(keys::of_blueprint(&tenant, &to.blueprint, run), Bytes::new());
        let offered = inner.store.offers().durability.min(inner.blobs.durability());
        inner.store.commit(batch, offered).await.map_err(|error| taken(run, error))?;
        Ok(status)
    }
}

impl Engine {
    /// Whether another tenant has the run: ids name runs of the whole engine.
    async fn is_elsewhere(&self, tenant: &Tenant, run: RunId) -> Result<bool, RunError> {
        let root = keys::root();
        let mut after: Option<Key> = None;
        loop {
            let next = self.inner.store.scan(&root, after.as_ref(), 1).await?;
            let Some(other) = next.first().and_then(|entry| keys::tenant_of(&entry.key)) else {
                return Ok(false);
            };
            if other != *tenant && self.inner.head(&other, run).await?.is_some() {
                return Ok(true);
            }
            after = Some(keys::after_tenant(&other));
        }
    }
}

fn taken(run: RunId, error: CommitError) -> RunError {
    match error {
        CommitError::Conflict { expected: Expect::Version(_), .. } => RunError::Lost(run),
        CommitError::Conflict { expected: Expect::Absent, .. } => RunError::Exists(run),
        CommitError::Store(error) => error.into(),
    }
}

/// Why a run that has not ended does not go on here by itself.
fn brought_by(by: &Principal) -> Failure {
    let message = format!(
        "{by} brought the run here from elsewhere: it goes on, with what it was granted there, once it is resumed, and should \
         not go on there as well"
    );
    Failure::new(ErrorCode::RunImported, message)
}
