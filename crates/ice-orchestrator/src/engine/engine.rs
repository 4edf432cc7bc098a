//! The engine itself: what all runs share.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ahash::AHashSet;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::llm::PromptPolicy;
use ice_core::memory::SessionMemory;
use ice_core::process::{ProcessHost, WasmHost};
use ice_core::redact::Redactor;
use ice_core::registry::Registry;
use ice_core::seal::KeyProvider;
use ice_core::store::lease::{self, Lease, LeaseError};
use ice_core::store::{BlobStore, Store, inbox};
use ice_core::telemetry::MessageContent;
use ice_core::time::{Clock, IdSource};
use ice_core::tools::ToolLimits;
use tokio::sync::{Notify, OnceCell};
use tokio_util::task::TaskTracker;

use super::budgets::Presence;
use super::closing::Closing;
use super::known::Known;
use super::memories::Memories;
use super::meters::Meters;
use super::plans::Plans;
use super::results::Results;
use super::roster::{Busy, Roster};
use super::run::{Message, RunShared};
use super::{EngineBuilder, RunError, RunHandle, Signal};
use crate::journal::{Outputs, RunHead, Views, keys};

/// Drives runs over a store. Cheap to clone; the clones are one engine.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) inner: Arc<Inner>,
}

/// What all runs of an engine share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// Who keeps the keys under which the runs of the store are sealed.
    pub(super) keys: Option<Arc<dyn KeyProvider>>,
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) name: String,
    pub(crate) tool_limits: ToolLimits,
    pub(crate) ring: usize,
    pub(crate) processes: Option<Arc<dyn ProcessHost>>,
    pub(crate) wasm: Option<Arc<dyn WasmHost>>,
    pub(crate) policy: Arc<dyn PromptPolicy>,
    content: MessageContent,
    /// How runs are seen.
    pub(crate) views: Views,
    /// What memory may keep.
    pub(crate) kept: Redactor,
    pub(crate) known: Known,
    pub(crate) memories: Memories,
    /// Who remembers sessions in the place of the tenant's memory.
    pub(crate) sessions: Option<Arc<dyn SessionMemory>>,
    pub(crate) meters: Meters,
    pub(crate) tasks: TaskTracker,
    /// Fires when the engine closes, or loses its ownership.
    pub(crate) closing: Closing,
    pub(crate) roster: Roster,
    pub(crate) short_wait: Duration,
    lease: Duration,
    epoch: OnceCell<u64>,
    pub(crate) plans: Plans,
    pub(super) results: Results,
    /// Whose turn it is to change shared budgets.
    pub(super) ledgers: tokio::sync::Mutex<()>,
    pub(super) presence: Presence,
    attended: Mutex<AHashSet<Tenant>>,
    /// The tenants whose schedules are kept.
    scheduled: Mutex<AHashSet<Tenant>>,
    taken_up: Mutex<HashSet<RunId>>,
    /// A sign that the runs that are being taken up, are active or sleep have changed.
    pub(crate) settled: Notify,
}

/// A run that is being taken up by nobody else in this engine.
#[derive(Debug)]
pub(crate) struct Reserved {
    inner: Arc<Inner>,
    run: RunId,
}

impl Inner {
    /// Who looks at what is said before spans hold it; they do not if there is none.
    pub(crate) fn content(&self) -> Option<&dyn PromptPolicy> {
        self.content.is_captured().then_some(&*self.policy)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        lock(&self.inner.taken_up).remove(&self.run);
        self.inner.settled.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// How an engine is put together.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(super) fn new(builder: EngineBuilder) -> Self {
        let usual = || Redactor::secrets(&builder.known);
        let (views, kept) = match (builder.views, builder.kept) {
            (Some(views), Some(kept)) => (views, kept),
            (Some(views), None) => (views, usual()),
            (None, Some(kept)) => (Views::new(usual(), Outputs::Exact), kept),
            (None, None) => {
                let redactor = usual();
                (Views::new(redactor.clone(), Outputs::Exact), redactor)
            }
        };
        Self {
            inner: Arc::new(Inner {
                store: builder.store,
                blobs: builder.blobs,
                keys: builder.keys,
                registry: builder.registry,
                clock: builder.clock,
                ids: builder.ids,
                name: builder.name,
                tool_limits: builder.tool_limits,
                ring: builder.ring,
                processes: builder.processes,
                wasm: builder.wasm,
                policy: builder.policy,
                content: builder.content,
                views,
                kept,
                known: Known::new(builder.known),
                memories: Memories::new(builder.memory),
                sessions: builder.sessions,
                meters: Meters::new(),
                tasks: TaskTracker::new(),
                closing: Closing::default(),
                roster: Roster::default(),
                short_wait: builder.short_wait,
                lease: builder.lease,
                epoch: OnceCell::new(),
                plans: Plans::default(),
                results: Results::new(builder.result_cache),
                ledgers: tokio::sync::Mutex::default(),
                presence: Presence::default(),
                attended: Mutex::default(),
                scheduled: Mutex::default(),
                taken_up: Mutex::default(),
                settled: Notify::new(),
            }),
        }
    }

    pub(super) fn of(inner: &Arc<Inner>) -> Self {
        Self { inner: Arc::clone(inner) }
    }

    /// What runs that are taken up again are compiled with.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Who looks at what goes to models.
    pub(crate) fn prompt_policy(&self) -> Arc<dyn PromptPolicy> {
        Arc::clone(&self.inner.policy)
    }

    pub(crate) fn known(&self) -> &Known {
        &self.inner.known
    }

    /// How runs are seen.
    #[must_use]
    pub fn views(&self) -> &Views {
        &self.inner.views
    }

    /// What time it is by the engine's clock.
    #[must_use]
    pub fn now(&self) -> ice_core::time::Moment {
        self.inner.clock.now()
    }

    /// An id that nothing has yet.
    pub(crate) fn fresh_id(&self) -> uuid::Uuid {
        self.inner.ids.uuid()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// The blob store.
    #[must_use]
    pub fn blobs(&self) -> &Arc<dyn BlobStore> {
        &self.inner.blobs
    }

    /// The runs this engine drives now, the oldest first. Those that wait for an answer or a time outside of memory are not
    /// among them.
    #[must_use]
    pub fn active(&self) -> Vec<RunId> {
        self.inner.roster.ids()
    }

    /// How many runs this engine has started or taken up so far.
    #[must_use]
    pub fn taken_up(&self) -> u64 {
        self.inner.roster.entered()
    }

    /// The handle of a run that this engine drives now.
    #[must_use]
    pub fn handle(&self, run: RunId) -> Option<RunHandle> {
        self.inner.roster.active(run).map(|shared| RunHandle { shared })
    }

    /// Asks for a run to be cancelled, whoever drives it: a commit to its inbox. Durable once it returns. A run
    /// that nobody drives is taken up, so that it ends.
    ///
    /// # Errors
    /// [`RunError::NotFound`], or [`RunError::State`] if the run has ended. Any other error may come after the
    /// message was sent.
    pub async fn cancel(
        &self,
        tenant: &Tenant,
        run: RunId,
        by: &Principal,
        reason: Option<String>,
    ) -> Result<(), RunError> {
        self.inner.send(tenant, run, &Signal::Cancel { by: by.clone(), reason }).await?;
        match self.wake(tenant, run).await {
            // Its owner is alive and reads the message, or the run has ended meanwhile.
            Ok(_) | Err(RunError::Owned { .. } | RunError::State { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes a parked run up if there are messages for it.
    pub(super) async fn attend(&self, tenant: &Tenant, run: RunId) {
        let waiting = inbox::read(&*self.inner.store, &keys::inbox(tenant, run), 0, 1).await;
        if waiting.is_ok_and(|messages| messages.is_empty()) || self.inner.closing.has_begun() {
            return;
        }
        if let Err(error) = self.resume(tenant, run, &Principal::engine(), None).await {
            tracing::warn!(%run, %error, "there are messages for the run, but it cannot be taken up");
        }
    }

    /// Waits until no run goes on: what is left has ended, or goes no further until somebody answers. A run that waits for
    /// a time goes on, if this engine has driven it. Cancel-safe.
    pub async fn drain(&self) {
        loop {
            let mut settled = std::pin::pin!(self.inner.settled.notified());
            settled.as_mut().enable();
            match self.inner.roster.busy() {
                Busy::With(shared) => {
                    shared.progress.wait_for(|progress| progress.rests().then_some(())).await
                }
                Busy::Asleep => settled.await,
                Busy::No => return,
            }
            tokio::task::yield_now().await;
        }
    }

    /// Stops driving: attempts under way are cancelled, what they still give within their grace period is kept,
    /// tasks joined, ownership given up. Runs that have not ended stay as their journals have them and can be
    /// taken up again.
    pub async fn close(self) {
        self.inner.begin_to_close();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.memories.close().await;
    }
}

impl Inner {
    /// From now on nothing begins any more, and the tasks of all runs look at that. One that comes after those that are told sees
    /// it before it does anything.
    pub(super) fn begin_to_close(&self) {
        self.closing.begin();
        self.roster.each(|shared| shared.nudge());
    }

    pub(crate) fn enter(&self, shared: &Arc<RunShared>) {
        self.roster.enter(shared);
        self.settled.notify_waiters();
        self.meters.active.increment(1.0);
        shared.confinement.waived(1.0);
    }

    pub(crate) fn leave(&self, shared: &Arc<RunShared>) {
        self.roster.leave(shared);
        self.left(shared);
    }

    /// A run is no longer active.
    pub(super) fn left(&self, shared: &RunShared) {
        self.settled.notify_waiters();
        self.meters.active.decrement(1.0);
        shared.confinement.waived(-1.0);
    }

    /// Reserves the taking up of a run; nothing if it is being taken up already.
    pub(crate) fn reserve(self: &Arc<Self>, run: RunId) -> Option<Reserved> {
        lock(&self.taken_up).insert(run).then(|| Reserved { inner: Arc::clone(self), run })
    }

    /// The epoch of this engine's ownership, which is acquired with the first run and renewed from then on.
    pub(crate) async fn epoch(self: &Arc<Self>, run: RunId) -> Result<u64, RunError> {
        if self.closing.has_begun() {
            return Err(RunError::Closing);
        }
        let acquired = self.epoch.get_or_try_init(|| async {
            let key = keys::engine(&self.name);
            let lease = lease::acquire(&*self.store, &key, &self.name, self.lease, &*self.clock).await?;
            let epoch = lease.epoch;
            self.tasks.spawn(Arc::clone(self).keep(lease));
            Ok::<_, LeaseError>(epoch)
        });
        acquired.await.copied().map_err(|error| RunError::lease(run, error))
    }

    /// Renews the ownership until the engine has closed and its runs have kept what they had; closes the engine
    /// if it is lost.
    async fn keep(self: Arc<Self>, mut lease: Lease) {
        let pause = self.lease / 3;
        loop {
            tokio::select! {
                () = self.closed() => break,
                () = tokio::time::sleep(pause) => {}
            }
            let renewed = tokio::select! {
                () = self.closed() => break,
                renewed = lease.renew(&*self.store, self.lease, &*self.clock) => renewed,
            };
            match renewed {
                Ok(()) => {}
                Err(LeaseError::Store(error)) => tracing::warn!(%error, "the ownership could not be renewed"),
                Err(error @ (LeaseError::Lost { .. } | LeaseError::Held { .. })) => {
                    tracing::error!(%error, "another engine has taken over; closing");
                    self.begin_to_close();
                    return;
                }
            }
        }
        // It ends by itself if the store does not answer.
        match tokio::time::timeout(pause, lease.release(&*self.store)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the ownership could not be released"),
            Err(_) => tracing::warn!("the store does not answer; the ownership was not released"),
        }
    }

    /// Waits until the engine closes and drives no run any more.
    async fn closed(&self) {
        self.closing.begun().await;
        loop {
            let settled = self.settled.notified();
            if self.roster.is_idle() {
                return;
            }
            settled.await;
        }
    }

    /// Whether somebody watches what wakes the runs of a tenant; from now on, somebody does.
    pub(super) fn is_attended(&self, tenant: &Tenant) -> bool {
        let mut attended = lock(&self.attended);
        attended.contains(tenant) || !attended.insert(tenant.clone())
    }

    /// Whether somebody keeps the schedules of a tenant; from now on, somebody does.
    pub(super) fn keeps_schedules(&self, tenant: &Tenant) -> bool {
        !lock(&self.scheduled).insert(tenant.clone())
    }

    pub(crate) async fn send(&self, tenant: &Tenant, run: RunId, signal: &Signal) -> Result<(), RunError> {
        let (head, _) = self.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        if head.summary.status.is_final() {
            let what = "it takes no more messages";
            return Err(RunError::State { run, status: head.summary.status, what });
        }
        let payload = signal.encode().map_err(|error| RunError::record(run, "a message", &error))?;
        inbox::send(&*self.store, &keys::inbox(tenant, run), payload, None).await?;
        if let Some(shared) = self.roster.active(run) {
            shared.nudge();
        }
        Ok(())
    }

    /// The head of a run, with its version.
    pub(crate) async fn head(
        &self,
        tenant: &Tenant,
        run: RunId,
    ) -> Result<Option<(RunHead, ice_core::store::Version)>, RunError> {
        let Some(found) = self.store.get(&keys::head(tenant, run)).await? else { return Ok(None) };
        let head = serde_json::from_slice(&found.value)
            .map_err(|error| RunError::record(run, "its head", &error))?;
        Ok(Some((head, found.version)))
    }
}

impl RunShared {
    /// Tells the run's task to look into its inbox. A task that has ended needs no telling.
    pub(crate) fn nudge(&self) {
        if !self.mailbox.send(Message::Nudge) {
            tracing::trace!(run = %self.run, "the run has ended already");
        }
    }
}
