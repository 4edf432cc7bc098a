//! What wakes runs that wait outside of memory: messages in their inboxes, and times.
//!
//! A run that waits for longer than a moment is nothing but its journal: its task ends, and its next timer stands as a key
//! in the store. Per tenant one task watches the inboxes and one the timers; each takes up the runs that something has come
//! for.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use ice_core::id::{RunId, Tenant};
use ice_core::metrics::{MetricName, counter};
use ice_core::store::{ChangeKind, Key, StoreError, WatchEvent, inbox};
use ice_core::time::Moment;

use super::engine::Inner;
use super::run::RunShared;
use super::{Engine, RunError};
use crate::journal::keys;

/// Keys read from the store at a time.
const PAGE: usize = 256;

/// Runs taken up at a time, as their journals are read.
const AT_ONCE: usize = 16;

/// The longest time until the timers are looked at again: clocks are set, and what could not be taken up may be by then.
const ROUND: Duration = Duration::from_secs(30);

/// What woke a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waker {
    Message,
    Timer,
}

impl Waker {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Timer => "timer",
        }
    }
}

impl Inner {
    /// Watches what wakes the runs of a tenant, from now on.
    pub(crate) fn attend_to(self: &Arc<Self>, tenant: &Tenant) {
        if self.is_attended(tenant) {
            return;
        }
        self.tasks.spawn(Arc::clone(self).watch_inboxes(tenant.clone()));
        self.tasks.spawn(Arc::clone(self).watch_timers(tenant.clone()));
    }

    async fn watch_inboxes(self: Arc<Self>, tenant: Tenant) {
        let prefix = keys::inboxes(&tenant);
        let mut changes = self.store.watch(&prefix, None);
        loop {
            let event = tokio::select! {
                () = self.closing.begun() => break,
                event = changes.next() => event,
            };
            match event {
                Some(WatchEvent::Changed(change)) if change.kind == ChangeKind::Put => {
                    if let Some(run) = keys::run_of_message(&prefix, &change.key) {
                        self.came(&tenant, run);
                    }
                }
                Some(WatchEvent::Changed(_)) => {}
                Some(WatchEvent::Gap { .. }) => {
                    self.roster.each(|shared| shared.nudge());
                    match Engine::of(&self).with_messages(&tenant).await {
                        Ok(runs) => runs.into_iter().for_each(|run| self.came(&tenant, run)),
                        Err(error) => tracing::warn!(%error, "the inboxes cannot be read"),
                    }
                }
                None => break,
            }
        }
        self.dismiss();
    }

    /// A message has come for a run.
    fn came(self: &Arc<Self>, tenant: &Tenant, run: RunId) {
        match self.roster.active(run) {
            Some(shared) => shared.nudge(),
            None => {
                let (engine, tenant) = (Engine::of(self), tenant.clone());
                self.tasks.spawn(async move { engine.rouse(&tenant, run, Waker::Message).await });
            }
        }
    }

    async fn watch_timers(self: Arc<Self>, tenant: Tenant) {
        let prefix = keys::timers(&tenant);
        let mut changes = self.store.watch(&prefix, None);
        let mut next = self.clock.now();
        loop {
            let span = next.since(self.clock.now()).min(ROUND);
            tokio::select! {
                () = self.closing.begun() => return,
                event = changes.next() => match event {
                    Some(WatchEvent::Changed(change)) if change.kind == ChangeKind::Put => {
                        if let Some((at, _)) = keys::timer_of(&prefix, &change.key) {
                            next = next.min(at);
                        }
                    }
                    Some(WatchEvent::Changed(_)) => {}
                    Some(WatchEvent::Gap { .. }) => next = self.clock.now(),
                    None => return,
                },
                () = tokio::time::sleep(span) => {
                    let now = self.clock.now();
                    let later = now.plus(ROUND);
                    next = match self.ring(&tenant, &prefix, now).await {
                        Ok(Some(at)) => at.min(later),
                        Ok(None) => later,
                        Err(error) => {
                            tracing::warn!(%error, "the timers cannot be read");
                            later
                        }
                    };
                }
            }
        }
    }

    /// Takes up the runs whose time has come; gives the earliest time that has not.
    async fn ring(
        self: &Arc<Self>,
        tenant: &Tenant,
        prefix: &Key,
        now: Moment,
    ) -> Result<Option<Moment>, StoreError> {
        let (mut due, mut next) = (Vec::new(), None);
        let look = |key: &Key| {
            let Some((at, run)) = keys::timer_of(prefix, key) else { return ControlFlow::Continue(()) };
            if at > now {
                next = Some(at);
                return ControlFlow::Break(());
            }
            due.push(run);
            ControlFlow::Continue(())
        };
        self.each_key(prefix, look).await?;
        let engine = &Engine::of(self);
        futures::stream::iter(due)
            .for_each_concurrent(AT_ONCE, async |run| {
                // A run that is in memory looks at the clock itself.
                if self.roster.active(run).is_none() {
                    engine.rouse(tenant, run, Waker::Timer).await;
                }
            })
            .await;
        Ok(next)
    }

    /// Looks at the keys under a prefix, in order, until it is enough.
    pub(super) async fn each_key(
        &self,
        prefix: &Key,
        mut look: impl FnMut(&Key) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Key> = None;
        loop {
            let page = self.store.scan(prefix, after.as_ref(), PAGE).await?;
            if page.iter().any(|entry| look(&entry.key).is_break()) || page.len() < PAGE {
                return Ok(());
            }
            after = page.last().map(|last| last.key.clone());
        }
    }

    /// Tells whoever waits for runs outside of memory that this engine wakes them no more.
    fn dismiss(&self) {
        for shared in self.roster.dismiss() {
            shared.progress.change(|progress| {
                progress.end.get_or_insert(Err(RunError::Closing));
            });
        }
        self.settled.notify_waiters();
    }

    /// A run leaves memory. Whoever has sent it something a moment ago believes that its task reads it.
    pub(super) async fn sleep(self: &Arc<Self>, shared: Arc<RunShared>, is_timed: bool) {
        shared.progress.change(|progress| progress.asleep = true);
        self.plans.keep(&shared.plan);
        self.roster.sleep(&shared, is_timed);
        self.left(&shared);
        if self.closing.has_begun() {
            self.dismiss();
            return;
        }
        let (tenant, run) = (shared.tenant.clone(), shared.run);
        drop(shared);
        let messages = inbox::read(&*self.store, &keys::inbox(&tenant, run), 0, 1).await;
        if !messages.is_ok_and(|messages| messages.is_empty()) {
            Engine::of(self).rouse(&tenant, run, Waker::Message).await;
        }
    }
}

impl Engine {
    /// When the next run of a tenant that waits goes on by itself, or looks whether an answer is overdue; nothing if none
    /// waits for a time.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn next_timer(&self, tenant: &Tenant) -> Result<Option<Moment>, RunError> {
        let prefix = keys::timers(tenant);
        let first = self.inner.store.scan(&prefix, None, 1).await?;
        Ok(first.first().and_then(|entry| keys::timer_of(&prefix, &entry.key)).map(|(at, _)| at))
    }

    /// Takes up a run that something has come for, if nobody has.
    async fn rouse(&self, tenant: &Tenant, run: RunId, by: Waker) {
        match Box::pin(self.wake(tenant, run)).await {
            Ok(_) => counter(MetricName::RunsWoken, &[("by", by.as_str())]).increment(1),
            // Its owner is alive and reads the message, or the run has ended meanwhile.
            Err(RunError::Owned { .. } | RunError::State { .. } | RunError::Closing) => {}
            Err(error) => {
                tracing::warn!(%run, %error, "something has come for the run, but it cannot be taken up")
            }
        }
    }

    /// The runs of a tenant for which there are messages.
    pub(super) async fn with_messages(&self, tenant: &Tenant) -> Result<Vec<RunId>, StoreError> {
        let prefix = keys::inboxes(tenant);
        let mut runs = Vec::new();
        let look = |key: &Key| {
            runs.extend(keys::run_of_message(&prefix, key));
            ControlFlow::Continue(())
        };
        self.inner.each_key(&prefix, look).await?;
        runs.dedup();
        Ok(runs)
    }
}
