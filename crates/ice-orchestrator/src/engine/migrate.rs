//! Moving a run that waits, is parked or was left to another plan: what it has behind it must be what it would have behind
//! it over that plan. From then on its whole journal is folded over the new plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::path::NodePath;
use ice_core::store::{Batch, Version};
use tokio::sync::oneshot;

use super::holdings::Holdings;
use super::replay::seen_divergence;
use super::run::Message;
use super::start::{check_inputs, check_secrets};
use super::writer::Writer;
use super::{Engine, RunError};
use crate::journal::codec::Encoder;
use crate::journal::{
    Body, Intent, Manifest, Migrated, PinnedTool, RECORD_VERSION, ReadError, Record, RunHead, RunStatus, keys,
};
use crate::replay::{Divergence, Replay};
use crate::workflow::Plan;
use crate::workflow::runtime::{State, apply};

/// How long the task of a run may take to leave memory.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of moving a run to another plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// How many records came out the same.
    pub records: u64,
    /// The number of the record that says so; none if the run is bound to this plan already, or it was only asked whether
    /// it could be moved.
    pub record: Option<u64>,
}

impl Engine {
    /// Moves a run to another plan: it goes on over that one, and so does whoever replays or forks it. The run must wait, be
    /// parked, or have been left by its process; what waits in this engine goes on by itself, what is parked stays so.
    ///
    /// What the run has done must be the same over the new plan, see [`crate::replay`]: what it has begun and not ended, the
    /// questions that wait among it, must be begun in the same way. What could have begun earlier over the new plan begins
    /// later. Moving a run to the plan it is bound to does nothing.
    ///
    /// Cancel-safe, but for this: dropped, the run may or may not have been moved.
    ///
    /// # Errors
    /// [`RunError::NotFound`]; [`RunError::Diverged`] with the first thing that is another one; [`RunError::Unmovable`] if a
    /// tool of something that was begun is another now; [`RunError::Inputs`] and [`RunError::Secret`] if the run could not
    /// have been started over the plan; [`RunError::State`] if the run has ended or something of it is under way here,
    /// [`RunError::Owned`] if another engine drives it. Nothing was changed then.
    pub async fn migrate(
        &self,
        tenant: &Tenant,
        run: RunId,
        plan: &Arc<Plan>,
        by: &Principal,
    ) -> Result<Migration, RunError> {
        let reserved = loop {
            let settled = self.inner.settled.notified();
            match self.inner.reserve(run) {
                Some(reserved) => break reserved,
                None => settled.await,
            }
        };
        let (head, version) = self.movable(tenant, run).await?;
        if head.plan == plan.hash {
            return Ok(Migration { records: head.next, record: None });
        }
        self.set_down(run).await?;
        // It may have gone further until it was set down.
        let (head, version) = match self.inner.head(tenant, run).await? {
            Some(found) if found.1 == version => found,
            Some(_) | None => self.movable(tenant, run).await?,
        };
        self.check_owner(&head, run).await?;
        let epoch = self.inner.epoch(run).await?;
        let (manifest, state) = self.moved(tenant, &head, plan).await?;
        let waited = head.summary.status == RunStatus::Waiting;
        let number = state.next_number();
        let head = RunHead { owner: self.inner.name.clone(), epoch, ..head };
        let state = self.commit_move(tenant, (head, version), plan, &manifest, state, by).await?;
        drop(reserved);
        if waited && state.status() != RunStatus::Waiting {
            self.resume(tenant, run, by, None).await?;
        }
        Ok(Migration { records: number, record: Some(number) })
    }

    /// Whether a run could be moved to another plan, as [`Self::migrate`] would say. Changes nothing, and takes a run that is
    /// under way as it is at the moment.
    ///
    /// # Errors
    /// As [`Self::migrate`].
    pub async fn can_migrate(
        &self,
        tenant: &Tenant,
        run: RunId,
        plan: &Arc<Plan>,
    ) -> Result<Migration, RunError> {
        let (head, _) = self.movable(tenant, run).await?;
        if head.plan == plan.hash {
            return Ok(Migration { records: head.next, record: None });
        }
        let (_, state) = self.moved(tenant, &head, plan).await?;
        Ok(Migration { records: state.next_number(), record: None })
    }

    /// The head of a run that has not ended.
    async fn movable(&self, tenant: &Tenant, run: RunId) -> Result<(RunHead, Version), RunError> {
        let (head, version) = self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        if head.summary.status.is_final() {
            let what = "a run that has ended goes nowhere; `fork` begins another one where it was";
            return Err(RunError::State { run, status: head.summary.status, what });
        }
        if head.version > RECORD_VERSION {
            return Err(ReadError::Newer { run, found: head.version }.into());
        }
        Ok((head, version))
    }

    /// Has the run leave memory, if it is there and nothing of it is under way. Nobody else takes it up meanwhile.
    async fn set_down(&self, run: RunId) -> Result<(), RunError> {
        let Some(shared) = self.inner.roster.active(run) else { return Ok(()) };
        let (told, hears) = oneshot::channel();
        let is_sent = shared.mailbox.send(Message::Rest(told));
        drop(shared);
        // A task that ends without a word is gone in a moment, too.
        let rests = !is_sent
            || tokio::time::timeout(PATIENCE, hears)
                .await
                .map_err(|_| RunError::Unheard(run))?
                .unwrap_or(true);
        if !rests {
            // What its head says may be older than what its task says.
            let status = RunStatus::Running;
            let what = "something of it is under way: move it once it waits or is parked, or end its process and move it then";
            return Err(RunError::State { run, status, what });
        }
        let gone = async {
            loop {
                let mut settled = std::pin::pin!(self.inner.settled.notified());
                settled.as_mut().enable();
                if self.inner.roster.active(run).is_none() {
                    return;
                }
                settled.await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.map_err(|_| RunError::Unheard(run))
    }

    /// What a run was started with, and its state over another plan.
    async fn moved(
        &self,
        tenant: &Tenant,
        head: &RunHead,
        plan: &Arc<Plan>,
    ) -> Result<(Manifest, State), RunError> {
        let run = head.summary.id;
        let mut reader = self.reader(tenant, run);
        let mut replay =
            Replay::new(Arc::clone(plan)).moved_at(head.next).inspected_by(Arc::clone(&self.inner.policy));
        let mut begun = Begun::default();
        let views = &self.inner.views;
        let diverged = |found: Box<Divergence>| RunError::Diverged {
            run,
            divergence: Box::new(seen_divergence(views, *found)),
        };
        let mut manifest = None;
        loop {
            let page = reader.read().await?;
            if page.is_empty() {
                break;
            }
            for numbered in page {
                if let Body::Manifest(found) = &numbered.record.body {
                    check_inputs(plan, &found.inputs)?;
                    check_secrets(plan, &found.options)?;
                    manifest = Some((**found).clone());
                }
                begun.see(&numbered.record.body);
                replay.push(&numbered.record).map_err(diverged)?;
            }
            tokio::task::yield_now().await;
        }
        replay.compare_open_steps().map_err(diverged)?;
        let (Some(manifest), Some(state)) = (manifest, replay.into_state()) else {
            return Err(RunError::record(run, "its journal", &"it is empty"));
        };
        if state.next_number() < head.next {
            return Err(ReadError::Hole { run, from: state.next_number(), to: head.next }.into());
        }
        let before = self.pinned(tenant, run, head).await?;
        match begun.with_another_tool(&tools(&before), &tools(&plan.pinned)) {
            Some((node, tool)) => {
                let what = format!(
                    "`{node}` has begun with the tool `{tool}`, which has another major version or other schemas now: let it \
                     end, or have it fail, first"
                );
                Err(RunError::Unmovable { run, what })
            }
            None => Ok((manifest, state)),
        }
    }

    /// Writes that the run is moved, and to what, in one commit; gives the state after it.
    async fn commit_move(
        &self,
        tenant: &Tenant,
        (mut head, version): (RunHead, Version),
        plan: &Arc<Plan>,
        manifest: &Manifest,
        mut state: State,
        by: &Principal,
    ) -> Result<State, RunError> {
        let run = head.summary.id;
        let to = Migrated {
            plan: plan.hash,
            blueprint: plan.blueprint.blueprint_id.clone(),
            name: plan.blueprint.name().to_owned(),
            not_enforced: plan.not_enforced(manifest.options.isolation),
            by: by.clone(),
        };
        let document = Bytes::from_owner(Arc::clone(&plan.document));
        let mut batch = Batch::new().put(keys::plan(tenant, plan.hash), document);
        if to.blueprint != head.summary.blueprint_id {
            batch = batch
                .delete(keys::of_blueprint(tenant, &head.summary.blueprint_id, run))
                .put(keys::of_blueprint(tenant, &to.blueprint, run), Bytes::new());
        }
        head.plan = plan.hash;
        head.migrated = Some(state.next_number());
        head.summary.blueprint_id = to.blueprint.clone();
        head.summary.name.clone_from(&to.name);
        let record = Record { at: self.inner.clock.now(), body: Body::Migrated(Box::new(to)) };
        apply(&mut state, &record).map_err(|source| RunError::Fold { run, source })?;
        let offered = self.inner.store.offers().durability.min(self.inner.blobs.durability());
        let durability = manifest.options.durability.unwrap_or(offered).min(offered);
        let (inner, encoder, holdings) =
            (Arc::clone(&self.inner), Encoder::default(), Holdings::new(u64::MAX));
        let mut writer =
            Writer::new(inner, tenant.clone(), head, Some(version), encoder, holdings, durability);
        let written = writer.push(record.at, &record.body);
        written.map_err(|error| RunError::record(run, "a record of its journal", &error))?;
        writer.with(batch);
        writer.begin(Some(&state), state.status(), durability)?;
        writer.landed().await?;
        self.inner.plans.stored(tenant, plan.hash);
        tracing::info!(%run, plan = %plan.hash, %by, "run moved to another plan");
        Ok(state)
    }
}

/// The tools with which nodes have begun that have not ended.
#[derive(Debug, Default)]
struct Begun(BTreeMap<NodePath, BTreeSet<Arc<str>>>);

impl Begun {
    fn see(&mut self, body: &Body) {
        match body {
            Body::Started { node, intent: Intent::Tool { tool, .. }, .. }
            | Body::Step { node, intent: Intent::Tool { tool, .. }, .. } => {
                self.0.entry(node.clone()).or_default().insert(Arc::clone(tool));
            }
            Body::Succeeded { node, .. }
            | Body::Failed { node, .. }
            | Body::Cancelled { node, .. }
            | Body::Settled { node, .. } => drop(self.0.remove(node)),
            Body::Manifest(_)
            | Body::Started { .. }
            | Body::Step { .. }
            | Body::Receipt { .. }
            | Body::Woken { .. }
            | Body::Skipped { .. }
            | Body::Opened { .. }
            | Body::Iterated { .. }
            | Body::Watching { .. }
            | Body::Checked { .. }
            | Body::Alerted { .. }
            | Body::Asked { .. }
            | Body::Escalated { .. }
            | Body::Answered { .. }
            | Body::Closed { .. }
            | Body::Reported { .. }
            | Body::Denied { .. }
            | Body::Cancelling { .. }
            | Body::Discarded { .. }
            | Body::Unresponsive { .. }
            | Body::InDoubt { .. }
            | Body::Exceeded { .. }
            | Body::Funded { .. }
            | Body::Migrated(_)
            | Body::Parked { .. }
            | Body::Resumed { .. }
            | Body::Ended { .. } => {}
        }
    }

    /// A node that has begun with a tool that is another one now.
    fn with_another_tool(
        &self,
        before: &[&PinnedTool],
        now: &[&PinnedTool],
    ) -> Option<(&NodePath, &Arc<str>)> {
        let of = |tools: &[&PinnedTool], name: &str| {
            tools.iter().find(|tool| tool.name == name).map(|tool| (tool.major, tool.schemas))
        };
        let is_another = |tool: &Arc<str>| of(before, tool) != of(now, tool);
        self.0.iter().find_map(|(node, tools)| Some((node, tools.iter().find(|tool| is_another(tool))?)))
    }
}

/// The tools that a plan is bound to, those of its sub-blueprints included.
fn tools(pinned: &crate::journal::PinnedPlan) -> Vec<&PinnedTool> {
    let within = pinned.workflows.iter().flat_map(|workflow| tools(&workflow.plan));
    pinned.tools.iter().chain(within).collect()
}
