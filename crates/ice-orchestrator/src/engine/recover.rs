//! Taking a run up again: after a crash, after parking, after another engine let go of it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ice_core::id::{Principal, RunId, Tenant};
use ice_core::llm::Usage;
use ice_core::store::{Batch, Key, Version, inbox, lease};
use ice_core::value::Value;

use super::driver::Driver;
use super::holdings::Holdings;
use super::start::{ended, launch, share};
use super::writer::Writer;
use super::{Engine, RunEnd, RunError, RunHandle, Signal};
use crate::journal::codec::Encoder;
use crate::journal::{
    Body, Decision, Failure, Manifest, PinnedPlan, RECORD_VERSION, ReadError, Reader, Record, RunHead,
    RunStatus, keys,
};
use crate::workflow::Plan;
use crate::workflow::runtime::{Input, State, apply, cancelled};

/// Messages of an inbox that are read where a run cannot be driven.
const INBOX: usize = 1_024;

/// What became of the runs that nobody drove.
#[derive(Debug, Default)]
pub struct TakenUp {
    /// Those that go on, and those that were parked because they cannot: their handles tell.
    pub runs: Vec<RunHandle>,
    /// How many wait for an answer or a time, and stay as they are until it comes.
    pub waiting: usize,
    /// Those that cannot be taken up, and why.
    pub refused: Vec<(RunId, RunError)>,
}

/// Why a run is taken up.
struct TakingUp {
    by: Principal,
    /// What becomes of attempts in doubt, if somebody said.
    in_doubt: Option<Decision>,
    /// Whether somebody asked, rather than that something has come for the run.
    is_asked: bool,
}

impl Engine {
    /// Takes up a run that nobody drives: one whose process ended, or that is parked. The run goes on where
    /// its journal ends; attempts that were lost are made again if their effect is repeatable, the others
    /// are in doubt, and `in_doubt` says what becomes of them.
    ///
    /// If something the run is bound to has changed, the handle is that of a run parked with `PIN_MISMATCH`; if
    /// what the store has of it is damaged, of one parked with the code of that.
    ///
    /// # Errors
    /// [`RunError::Owned`] if another engine drives the run, [`RunError::State`] if it has ended.
    pub async fn resume(
        &self,
        tenant: &Tenant,
        run: RunId,
        by: &Principal,
        in_doubt: Option<Decision>,
    ) -> Result<RunHandle, RunError> {
        self.take_up(tenant, run, &TakingUp { by: by.clone(), in_doubt, is_asked: true }).await
    }

    /// As [`Self::resume`], for a run that something has come for. If it waits, nothing of that is recorded.
    pub(super) async fn wake(&self, tenant: &Tenant, run: RunId) -> Result<RunHandle, RunError> {
        let why = TakingUp { by: Principal::engine(), in_doubt: None, is_asked: false };
        self.take_up(tenant, run, &why).await
    }

    async fn take_up(&self, tenant: &Tenant, run: RunId, why: &TakingUp) -> Result<RunHandle, RunError> {
        let _reserved = loop {
            if let Some(handle) = self.handle(run) {
                return Ok(handle);
            }
            let settled = self.inner.settled.notified();
            match self.inner.reserve(run) {
                Some(reserved) => break reserved,
                None => settled.await,
            }
        };
        if let Some(handle) = self.handle(run) {
            return Ok(handle);
        }
        let (head, version) = self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        if head.summary.status.is_final() {
            let what = "a run that has ended cannot be resumed";
            return Err(RunError::State { run, status: head.summary.status, what });
        }
        if head.version > RECORD_VERSION {
            return Err(ReadError::Newer { run, found: head.version }.into());
        }
        self.check_owner(&head, run).await?;
        let epoch = self.inner.epoch(run).await?;
        let head = RunHead { owner: self.inner.name.clone(), epoch, ..head };
        let failure = match self.drive(tenant, &head, version, why).await {
            Ok(handle) => return Ok(handle),
            // What only waits is left as it is for somebody who has what it is bound to.
            Err(error @ RunError::Plan { .. })
                if !why.is_asked && head.summary.status == RunStatus::Waiting =>
            {
                return Err(error);
            }
            Err(RunError::Plan { failure, .. }) => *failure,
            Err(error) if error.is_damage() => Failure::new(error.code(), error.to_string()),
            Err(error) => return Err(error),
        };
        match self.cancelled_meanwhile(tenant, run).await? {
            Some(cancel) => self.end_cancelled(tenant, head, version, cancel).await,
            None => self.park(tenant, head, version, failure).await,
        }
    }

    /// Takes up every run of a tenant that is neither final nor parked and that nobody drives, the oldest
    /// first. Runs that wait stay where they are until an answer or their time comes, for which this engine looks out from
    /// now on.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn resume_all(&self, tenant: &Tenant, by: &Principal) -> Result<TakenUp, RunError> {
        let mut runs = self.with_status(tenant, RunStatus::Queued).await?;
        runs.extend(self.with_status(tenant, RunStatus::Running).await?);
        self.inner.attend_to(tenant);
        self.settle_ended(tenant).await?;
        let waiting: HashSet<RunId> =
            self.with_status(tenant, RunStatus::Waiting).await?.into_iter().collect();
        let mut called = self.with_messages(tenant).await?;
        called.retain(|run| waiting.contains(run));
        let mut taken = TakenUp { waiting: waiting.len().saturating_sub(called.len()), ..TakenUp::default() };
        runs.extend(called);
        runs.sort_unstable();
        runs.dedup();
        for run in runs {
            let took = if waiting.contains(&run) {
                self.wake(tenant, run).await
            } else {
                self.resume(tenant, run, by, None).await
            };
            match took {
                Ok(handle) => taken.runs.push(handle),
                Err(error @ RunError::Store(_)) if !error.is_damage() => return Err(error),
                Err(error) => {
                    tracing::warn!(%run, %error, "the run cannot be taken up");
                    taken.refused.push((run, error));
                }
            }
        }
        Ok(taken)
    }

    pub(super) async fn with_status(
        &self,
        tenant: &Tenant,
        status: RunStatus,
    ) -> Result<Vec<RunId>, RunError> {
        let folder = keys::by_status(tenant, status);
        let mut runs = Vec::new();
        let look = |key: &Key| {
            runs.extend(key.as_str().strip_prefix(folder.as_str()).and_then(keys::run_of));
            ControlFlow::Continue(())
        };
        self.inner.each_key(&folder, look).await?;
        Ok(runs)
    }

    pub(super) async fn check_owner(&self, head: &RunHead, run: RunId) -> Result<(), RunError> {
        if head.owner == self.inner.name || head.summary.status == RunStatus::Parked {
            return Ok(());
        }
        let ownership = lease::current(&*self.inner.store, &keys::engine(&head.owner)).await?;
        match ownership {
            Some(held) if held.epoch == head.epoch && held.until > self.inner.clock.now() => {
                Err(RunError::Owned { run, owner: head.owner.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) async fn pinned(
        &self,
        tenant: &Tenant,
        run: RunId,
        head: &RunHead,
    ) -> Result<PinnedPlan, RunError> {
        let key = keys::plan(tenant, head.plan);
        let missing = || RunError::record(run, "its plan", &"it is not in the store");
        let document = self.inner.store.get(&key).await?.ok_or_else(missing)?;
        serde_json::from_slice(&document.value).map_err(|error| RunError::record(run, "its plan", &error))
    }

    /// Folds the journal and goes on where it ends.
    async fn drive(
        &self,
        tenant: &Tenant,
        head: &RunHead,
        version: Version,
        why: &TakingUp,
    ) -> Result<RunHandle, RunError> {
        let run = head.summary.id;
        // Whoever holds a handle of a run that sleeps holds its plan, too.
        let held = self.inner.roster.held(run);
        let plan = match &held {
            Some(shared) if shared.plan.hash == head.plan => Arc::clone(&shared.plan),
            Some(_) | None => self.plan_of(tenant, head).await?,
        };
        let mut reader =
            Reader::new(Arc::clone(&self.inner.store), Arc::clone(&self.inner.blobs), tenant, run);
        let (mut state, mut manifest): (Option<State>, Option<Arc<Manifest>>) = (None, None);
        let mut holdings = Holdings::new(u64::MAX);
        loop {
            let records = reader.read().await?;
            if records.is_empty() {
                break;
            }
            for numbered in records {
                let record = numbered.record;
                holdings.count(&record.body);
                match (&mut state, record.body) {
                    (None, Body::Manifest(found)) => {
                        manifest = Some(Arc::clone(&found));
                        state = Some(State::new(found, Arc::clone(&plan), record.at));
                    }
                    (None, _) => {
                        return Err(RunError::record(
                            run,
                            "its journal",
                            &"it does not begin with a manifest",
                        ));
                    }
                    (Some(state), body) => apply(state, &Record { at: record.at, body })
                        .map_err(|source| RunError::Fold { run, source })?,
                }
            }
        }
        let (Some(state), Some(manifest)) = (state, manifest) else {
            return Err(RunError::record(run, "its journal", &"it is empty"));
        };
        if state.next_number() != head.next {
            return Err(ReadError::Hole { run, from: state.next_number(), to: head.next }.into());
        }
        let epoch = head.epoch;
        let holdings = holdings.limited(manifest.options.max_bytes);
        let encoder = Encoder::resume(reader.decoder().known());
        let writer = self.writer(tenant, head.clone(), version, encoder, holdings, &manifest);
        let shared = held.unwrap_or_else(|| share(&self.inner, &plan, tenant, &manifest));
        self.inner.attend_to(tenant);
        let input = if !why.is_asked && state.status() == RunStatus::Waiting {
            Input::Advance
        } else {
            Input::Recovered { by: why.by.clone(), epoch }
        };
        let in_doubt = why.in_doubt.map(|decision| (decision, why.by.clone()));
        Ok(launch(Driver::new(shared, state, writer).recovering(input, in_doubt)))
    }

    fn writer(
        &self,
        tenant: &Tenant,
        head: RunHead,
        version: Version,
        encoder: Encoder,
        holdings: Holdings,
        manifest: &Manifest,
    ) -> Writer {
        let offered = self.inner.store.offers().durability.min(self.inner.blobs.durability());
        let durability = manifest.options.durability.unwrap_or(offered).min(offered);
        Writer::new(
            Arc::clone(&self.inner),
            tenant.clone(),
            head,
            Some(version),
            encoder,
            holdings,
            durability,
        )
    }

    /// Parks a run that cannot be driven any more, without folding its journal.
    async fn park(
        &self,
        tenant: &Tenant,
        mut head: RunHead,
        version: Version,
        failure: Failure,
    ) -> Result<RunHandle, RunError> {
        let plan = Arc::new(Plan::empty(&head.summary.blueprint_id));
        let so_far = self.so_far(tenant, &head).await?;
        let end = RunEnd { status: RunStatus::Parked, failure: Some(failure.clone()), ..so_far };
        let already = head.summary.status == RunStatus::Parked && head.summary.failure == end.failure;
        if !already {
            head.summary.failure = Some(failure.clone());
            head.summary.updated_at = self.inner.clock.now();
            let parked = Body::Parked { failure };
            self.append(tenant, head, version, RunStatus::Parked, [parked], Batch::new()).await?;
        }
        Ok(ended(&self.inner, &plan, tenant, end))
    }

    /// How a run stands that cannot be driven any more: as its journal says, or, if that is damaged, its head.
    async fn so_far(&self, tenant: &Tenant, head: &RunHead) -> Result<RunEnd, RunError> {
        let summary = &head.summary;
        match self.document(tenant, summary.id).await {
            Ok(document) => Ok(document.into()),
            Err(error) if error.is_damage() => Ok(RunEnd {
                id: summary.id,
                status: summary.status,
                output: Value::empty_map(),
                failure: summary.failure.clone(),
                failures: Vec::new(),
                usage: Usage::default(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Appends the last records of a run that cannot be driven any more.
    async fn append(
        &self,
        tenant: &Tenant,
        head: RunHead,
        version: Version,
        status: RunStatus,
        records: impl IntoIterator<Item = Body>,
        with: Batch,
    ) -> Result<(), RunError> {
        let offered = self.inner.store.offers().durability.min(self.inner.blobs.durability());
        let (inner, run, at) = (Arc::clone(&self.inner), head.summary.id, head.summary.updated_at);
        let (encoder, holdings) = (Encoder::default(), Holdings::new(u64::MAX));
        let mut writer = Writer::new(inner, tenant.clone(), head, Some(version), encoder, holdings, offered);
        for body in records {
            let written = writer.push(at, &body);
            written.map_err(|error| RunError::record(run, "a record of its journal", &error))?;
        }
        writer.with(with);
        writer.begin(None, status, offered)?;
        writer.landed().await
    }

    /// Who asked for a run to be cancelled while nobody drove it, and all its messages.
    async fn cancelled_meanwhile(&self, tenant: &Tenant, run: RunId) -> Result<Option<Cancel>, RunError> {
        let prefix = keys::inbox(tenant, run);
        let messages = inbox::read(&*self.inner.store, &prefix, 0, INBOX).await?;
        let cancel = messages.iter().find_map(|message| match serde_json::from_slice(&message.payload) {
            Ok(Signal::Cancel { by, reason }) => Some((by, reason)),
            Ok(Signal::Answer { .. } | Signal::Settle { .. }) | Err(_) => None,
        });
        Ok(cancel.map(|(by, reason)| Cancel { by, reason, consumed: inbox::consume(&prefix, &messages) }))
    }

    /// Ends a run that cannot be driven any more, because somebody asked.
    async fn end_cancelled(
        &self,
        tenant: &Tenant,
        mut head: RunHead,
        version: Version,
        cancel: Cancel,
    ) -> Result<RunHandle, RunError> {
        let plan = Arc::new(Plan::empty(&head.summary.blueprint_id));
        let so_far = self.so_far(tenant, &head).await?;
        let failure = Some(cancelled(cancel.by.as_str(), cancel.reason.as_deref()));
        head.summary.updated_at = self.inner.clock.now();
        head.summary.failure.clone_from(&failure);
        let end = RunEnd { status: RunStatus::Cancelled, failure: failure.clone(), ..so_far };
        let ended = Body::Ended { status: RunStatus::Cancelled, output: end.output.clone(), failure };
        let records = [Body::Cancelling { by: cancel.by, reason: cancel.reason }, ended];
        self.append(tenant, head, version, RunStatus::Cancelled, records, cancel.consumed).await?;
        Ok(super::start::ended(&self.inner, &plan, tenant, end))
    }
}

/// A request to cancel that waited.
struct Cancel {
    by: Principal,
    reason: Option<String>,
    consumed: Batch,
}
