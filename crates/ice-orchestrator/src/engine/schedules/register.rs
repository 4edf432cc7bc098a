//! Registering, listing, pausing and removing schedules.

use std::sync::Arc;

use bytes::Bytes;
use ice_core::id::{Principal, Tenant};
use ice_core::schedule::Timing;
use ice_core::store::{Batch, CommitError, Key, Version};
use ice_core::value::Value;

use super::{Schedule, ScheduleDocument};
use crate::engine::start::{check_inputs, check_options, check_secrets};
use crate::engine::{Engine, RunError};
use crate::journal::{RunOptions, keys};
use crate::workflow::Plan;

/// How often a change is tried again that others were faster with.
const TRIES: usize = 16;

/// Keys read from the store at a time.
const PAGE: usize = 256;

/// A schedule to be registered.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    /// The entry of the network that has it.
    pub entry: String,
    /// When.
    pub timing: Timing,
    /// What is run.
    pub plan: Arc<Plan>,
    /// The inputs of each run; `scheduled_for`, the time that is due in RFC 3339, is added unless it is among them.
    pub inputs: Value,
    /// The options of each run; the idempotency key is set for each.
    pub options: RunOptions,
}

impl Engine {
    /// Makes these the schedules of a network: others of it are removed. One whose timing is as it was goes on where it
    /// stands, so that what was missed meanwhile is treated as its `catch_up` says; a new one begins now. Durable once it
    /// returns. Dropped, it has been done or not.
    ///
    /// # Errors
    /// [`RunError`] if the inputs or options of one are not valid, or the store failed; nothing is changed then.
    pub async fn schedule(
        &self,
        tenant: &Tenant,
        network: &str,
        schedules: &[NewSchedule],
        by: &Principal,
    ) -> Result<Vec<ScheduleDocument>, RunError> {
        for new in schedules {
            check_inputs(&new.plan, &new.inputs)?;
            self.inner.known.check(&new.inputs)?;
            check_options(&self.inner, &new.options)?;
            check_secrets(&new.plan, &new.options)?;
        }
        let now = self.inner.clock.now();
        for _ in 0..TRIES {
            let before = self.schedules_of(tenant, Some(network)).await?;
            let (mut batch, mut made) = (Batch::new(), Vec::with_capacity(schedules.len()));
            for new in schedules {
                let key = keys::schedule(tenant, network, &new.entry);
                let known = before.iter().find(|(known, ..)| *known == key);
                let goes_on = known.filter(|(_, _, known)| known.shown.timing == new.timing);
                let shown = match (goes_on, known) {
                    (Some((_, _, known)), _) => ScheduleDocument { paused: false, ..known.shown.clone() },
                    (None, known) => ScheduleDocument {
                        network: network.to_owned(),
                        entry: new.entry.clone(),
                        timing: new.timing.clone(),
                        paused: false,
                        next: new.timing.cron.after(now, &new.timing.time_zone),
                        queued: Vec::new(),
                        last: known.and_then(|(_, _, known)| known.shown.last.clone()),
                        started: 0,
                        skipped: 0,
                        missed: 0,
                        problem: None,
                    },
                };
                let (plan, inputs) = (new.plan.hash(), new.inputs.clone());
                let options = RunOptions { idempotency_key: None, ..new.options.clone() };
                let schedule = Schedule { plan, inputs, options, by: by.clone(), shown };
                batch = match known {
                    Some((_, version, _)) => batch.expect_version(key.clone(), *version),
                    None => batch.expect_absent(key.clone()),
                };
                let document = Bytes::from_owner(Arc::clone(&new.plan.document));
                batch = batch.put(keys::plan(tenant, plan), document).put(key, encoded(&schedule)?);
                self.inner.plans.keep(&new.plan);
                made.push(schedule.shown);
            }
            let is_gone = |(key, ..): &&Found| {
                !schedules.iter().any(|new| *key == keys::schedule(tenant, network, &new.entry))
            };
            for (key, version, _) in before.iter().filter(is_gone) {
                batch = batch.expect_version(key.clone(), *version).delete(key.clone());
            }
            if self.change(batch).await? {
                return Ok(made);
            }
        }
        Err(RunError::Contended)
    }

    /// The schedules of a tenant, by network and entry.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn schedules(&self, tenant: &Tenant) -> Result<Vec<ScheduleDocument>, RunError> {
        let found = self.schedules_of(tenant, None).await?;
        Ok(found.into_iter().map(|(_, _, schedule)| schedule.shown).collect())
    }

    /// Pauses the schedules of a network: nothing is started until they are registered again. Gives them.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn pause_schedules(
        &self,
        tenant: &Tenant,
        network: &str,
    ) -> Result<Vec<ScheduleDocument>, RunError> {
        for _ in 0..TRIES {
            let (mut batch, mut paused) = (Batch::new(), Vec::new());
            for (key, version, mut schedule) in self.schedules_of(tenant, Some(network)).await? {
                schedule.shown.paused = true;
                batch = batch.expect_version(key.clone(), version).put(key, encoded(&schedule)?);
                paused.push(schedule.shown);
            }
            if self.change(batch).await? {
                return Ok(paused);
            }
        }
        Err(RunError::Contended)
    }

    /// Removes the schedules of a network. What was started goes on. Gives them.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn unschedule(
        &self,
        tenant: &Tenant,
        network: &str,
    ) -> Result<Vec<ScheduleDocument>, RunError> {
        for _ in 0..TRIES {
            let (mut batch, mut removed) = (Batch::new(), Vec::new());
            for (key, version, schedule) in self.schedules_of(tenant, Some(network)).await? {
                batch = batch.expect_version(key.clone(), version).delete(key);
                removed.push(schedule.shown);
            }
            if self.change(batch).await? {
                return Ok(removed);
            }
        }
        Err(RunError::Contended)
    }

    /// Commits a batch with the best durability there is; says whether its expectations held.
    pub(in crate::engine) async fn change(&self, batch: Batch) -> Result<bool, RunError> {
        let durability = self.inner.store.offers().durability;
        match self.inner.store.commit(batch, durability).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// The schedules of a tenant or of one network, with their keys and versions.
    pub(in crate::engine) async fn schedules_of(
        &self,
        tenant: &Tenant,
        network: Option<&str>,
    ) -> Result<Vec<Found>, RunError> {
        let prefix = match network {
            Some(network) => keys::schedules(tenant).folder(network),
            None => keys::schedules(tenant),
        };
        let (mut found, mut after): (Vec<Found>, Option<Key>) = (Vec::new(), None);
        loop {
            let page = self.inner.store.scan(&prefix, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|last| last.key.clone());
            for entry in page {
                match serde_json::from_slice::<Schedule>(&entry.value) {
                    Ok(schedule) => found.push((entry.key, entry.version, schedule)),
                    Err(error) => tracing::warn!(key = %entry.key, %error, "a schedule cannot be read"),
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }
}

/// A schedule with its key and version.
pub(in crate::engine) type Found = (Key, Version, Schedule);

pub(super) fn encoded(schedule: &Schedule) -> Result<Vec<u8>, RunError> {
    serde_json::to_vec(schedule).map_err(|error| RunError::Inputs(format!("they cannot be kept: {error}")))
}
