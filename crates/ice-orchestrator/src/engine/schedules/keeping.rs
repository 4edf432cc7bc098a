//! Starting what is due, as long as the engine is there.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use ice_core::id::Tenant;
use ice_core::metrics::{MetricName, counter};
use ice_core::store::{Batch, Key, Version};
use ice_core::time::Moment;
use ice_core::value::Value;

use super::record::{Last, Schedule};
use super::register::{Found, encoded};
use super::turn::{Turn, turn};
use crate::engine::engine::Inner;
use crate::engine::{Engine, RunError};
use crate::journal::{Failure, PinnedPlan, RunOptions, keys};
use crate::workflow::{Plan, compile_pinned};

/// The longest time until the schedules are looked at again: clocks are set, and stores may fail for a while.
const ROUND: Duration = Duration::from_secs(30);

/// The pause after something failed.
const AGAIN: Duration = Duration::from_secs(1);

/// The input that says which time a run was started for.
const DUE: &str = "scheduled_for";

/// Turns of one schedule in a row; the others are looked at before it goes on.
const TURNS: usize = 100;

/// What came of a turn.
enum Done {
    /// The schedule stands otherwise now.
    Changed,
    /// Nothing is to be done until this moment, if there is one, or until the last run has ended.
    Wait(Option<Moment>),
}

/// What there is to wait for.
#[derive(Default)]
struct Ahead {
    next: Option<Moment>,
    /// Whether times wait for runs to end.
    is_blocked: bool,
}

impl Engine {
    /// Starts what the schedules of a tenant ask for, from now on, until the engine closes.
    pub fn keep_schedules(&self, tenant: &Tenant) {
        if !self.inner.keeps_schedules(tenant) {
            self.inner.tasks.spawn(Arc::clone(&self.inner).watch_schedules(tenant.clone()));
        }
    }

    /// The next time that a schedule asks for, of those that are not paused; nothing if none does.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn next_scheduled(&self, tenant: &Tenant) -> Result<Option<Moment>, RunError> {
        let found = self.schedules(tenant).await?;
        let next = found.iter().filter(|schedule| !schedule.paused);
        Ok(next.filter_map(|schedule| schedule.queued.first().copied().or(schedule.next)).min())
    }

    /// Starts all that is due; gives what there is to wait for.
    async fn start_due(&self, tenant: &Tenant) -> Result<Ahead, RunError> {
        let mut ahead = Ahead::default();
        for (key, ..) in self.schedules_of(tenant, None).await? {
            for _ in 0..TURNS {
                // Read anew: others may have changed it, and this task has.
                let Some(found) = self.inner.store.get(&key).await? else { break };
                let Ok(schedule) = serde_json::from_slice::<Schedule>(&found.value) else { break };
                let is_queued = !schedule.shown.queued.is_empty();
                match self.take_turn(tenant, (key.clone(), found.version, schedule)).await? {
                    Done::Changed => {}
                    Done::Wait(at) => {
                        ahead.next = [ahead.next, at].into_iter().flatten().min();
                        ahead.is_blocked |= is_queued;
                        break;
                    }
                }
            }
        }
        Ok(ahead)
    }

    async fn take_turn(&self, tenant: &Tenant, (key, version, schedule): Found) -> Result<Done, RunError> {
        let now = self.inner.clock.now();
        // Most of the time nothing is due, and the run need not be looked at.
        if let Turn::Wait(at) = turn(&schedule.shown, now, true)
            && schedule.shown.queued.is_empty()
        {
            return Ok(Done::Wait(at));
        }
        let under_way = match &schedule.shown.last {
            Some(last) => self.is_under_way(tenant, last).await?,
            None => false,
        };
        let (due, shown) = match turn(&schedule.shown, now, under_way) {
            Turn::Wait(at) => return Ok(Done::Wait(at)),
            Turn::Pass(shown) => (None, shown),
            Turn::Start(due, shown) => (Some(due), shown),
        };
        let mut after = Schedule { shown: *shown, ..schedule };
        let what = match due {
            Some(due) => match Box::pin(self.start_for(tenant, (&key, version), &mut after, due)).await {
                Ok(()) => "started",
                Err(error) => {
                    let (network, entry) = (&after.shown.network, &after.shown.entry);
                    tracing::warn!(%network, %entry, %due, %error, "what is due cannot be started");
                    if is_passing(&error) {
                        return Err(error);
                    }
                    after.shown.problem = Some(Failure::new(error.code(), format!("at {due}: {error}")));
                    self.keep(&key, version, &after).await?;
                    "refused"
                }
            },
            None => {
                self.keep(&key, version, &after).await?;
                if after.shown.skipped > schedule.shown.skipped {
                    "skipped"
                } else if after.shown.missed > schedule.shown.missed {
                    "missed"
                } else {
                    "queued"
                }
            }
        };
        counter(MetricName::ScheduledTimes, &[("what", what)]).increment(1);
        Ok(Done::Changed)
    }

    /// Writes down how a schedule stands now. If somebody else did so first, theirs counts.
    async fn keep(&self, key: &Key, version: Version, schedule: &Schedule) -> Result<(), RunError> {
        let batch = Batch::new().expect_version(key.clone(), version).put(key.clone(), encoded(schedule)?);
        self.change(batch).await.map(drop)
    }

    async fn is_under_way(&self, tenant: &Tenant, last: &Last) -> Result<bool, RunError> {
        // A run that was removed has ended.
        let head = self.inner.head(tenant, last.run).await?;
        Ok(head.is_some_and(|(head, _)| !head.summary.status.is_final()))
    }

    /// Starts the run that is due, and writes down with its first records that the schedule has moved on.
    async fn start_for(
        &self,
        tenant: &Tenant,
        (key, version): (&Key, Version),
        schedule: &mut Schedule,
        due: Moment,
    ) -> Result<(), RunError> {
        let plan = match self.inner.plans.recent(schedule.plan) {
            Some(plan) => plan,
            None => self.scheduled_plan(tenant, schedule).await?,
        };
        let mut inputs = schedule.inputs.as_map().cloned().unwrap_or_default();
        if !inputs.contains_key(DUE) && plan.input_names.as_ref().is_none_or(|names| names.contains(DUE)) {
            inputs.insert(DUE.into(), Value::string(due.to_string()));
        }
        let options =
            RunOptions { idempotency_key: Some(schedule.idempotency_key(due)), ..schedule.options.clone() };
        let (by, inputs) = (schedule.by.clone(), Value::from(inputs));
        let mut after = schedule.clone();
        after.shown.started += 1;
        after.shown.problem = None;
        let mut begun = None;
        let moved_on = |run| {
            begun = Some(run);
            after.shown.last = Some(Last { due, run });
            let batch = Batch::new().expect_version(key.clone(), version);
            Ok(batch.put(key.clone(), encoded(&after)?))
        };
        let known = match self.start_beside(&plan, inputs, options, (&by, tenant), moved_on).await {
            Ok(handle) => handle.id(),
            Err(RunError::IdempotencyConflict { run }) => run,
            Err(error) => return Err(error),
        };
        if begun == Some(known) {
            return Ok(());
        }
        // Somebody set the schedule back: the run of this time is found under its key.
        schedule.shown.last = Some(Last { due, run: known });
        self.keep(key, version, schedule).await
    }

    async fn scheduled_plan(&self, tenant: &Tenant, schedule: &Schedule) -> Result<Arc<Plan>, RunError> {
        let broken =
            |what: &dyn std::fmt::Display| RunError::Inputs(format!("the plan cannot be used: {what}"));
        let found = self.inner.store.get(&keys::plan(tenant, schedule.plan)).await?;
        let found = found.ok_or_else(|| broken(&"it is not in the store"))?;
        let pinned: PinnedPlan = serde_json::from_slice(&found.value).map_err(|error| broken(&error))?;
        let plan = compile_pinned(&pinned, &self.inner.registry).map_err(|failure| broken(&failure))?;
        self.inner.plans.keep(&plan);
        Ok(plan)
    }
}

/// Whether the same may go well a moment later.
fn is_passing(error: &RunError) -> bool {
    matches!(error, RunError::Closing | RunError::Lost(_) | RunError::Owned { .. })
        || (matches!(error, RunError::Store(_)) && !error.is_damage())
}

impl Inner {
    async fn watch_schedules(self: Arc<Self>, tenant: Tenant) {
        let mut changes = self.store.watch(&keys::schedules(&tenant), None);
        loop {
            let settled = self.settled.notified();
            let now = self.clock.now();
            let later = now.plus(ROUND);
            let ahead = Engine::of(&self).start_due(&tenant).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the schedules cannot be kept");
                Ahead { next: Some(now.plus(AGAIN)), is_blocked: false }
            });
            let next = ahead.next.map_or(later, |next| next.min(later));
            tokio::select! {
                () = self.closing.begun() => return,
                event = changes.next() => if event.is_none() { return },
                () = settled, if ahead.is_blocked => {}
                () = tokio::time::sleep(next.since(self.clock.now())) => {}
            }
        }
    }
}
