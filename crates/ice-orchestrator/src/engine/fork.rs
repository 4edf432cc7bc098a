//! Forking a run: a new one begins where another came to a node, with something changed.

use std::sync::Arc;
use std::time::Duration;

use ice_core::blueprint::{Format, read};
use ice_core::budget::Budget;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::value::Value;

use super::driver::Driver;
use super::replay::seen_divergence;
use super::start::{check_inputs, check_options, check_secrets, ended, first_writer, launch, share};
use super::{Engine, RunError, RunHandle};
use crate::journal::{Body, Manifest, RECORD_VERSION, Record, RunOptions, RunStatus, keys};
use crate::replay::{Divergence, Replay};
use crate::workflow::runtime::{Input, State};
use crate::workflow::{CHANGED, Plan, compile_pinned, set_field};

/// Where a run is forked, and what is changed. What is absent stays as it was.
#[derive(Clone, Debug)]
pub struct Fork {
    /// The node before which the new run goes its own way: a path as events tell it, or one without indices, which stands
    /// for the first time the run came to such a node.
    pub at: NodePath,
    /// The plan of the new run.
    pub plan: Option<Arc<Plan>>,
    /// The inputs of the new run.
    pub inputs: Option<Value>,
    /// The budget of the new run: for all of it, and what was spent before the node counts.
    pub budget: Option<Budget>,
    /// The same key gives the same run, as with [`RunOptions::idempotency_key`].
    pub idempotency_key: Option<String>,
}

impl Fork {
    /// A fork at a node with nothing changed: everything from there on is done anew.
    #[must_use]
    pub const fn at(at: NodePath) -> Self {
        Self { at, plan: None, inputs: None, budget: None, idempotency_key: None }
    }
}

impl Engine {
    /// Starts a run that has behind it what another had when it came to a node: what ended before is taken from its journal
    /// and not done again, and so is what was under way beside the node and ended later. From the node on everything is
    /// done anew, with what is changed; what began beside it before anything ended is not. Times are moved so that the other run's past ends now.
    ///
    /// What the other run did before the node must be the same over the changed plan and inputs, see [`crate::replay`].
    ///
    /// Cancel-safe, but for this: dropped, the run may or may not have been started.
    ///
    /// # Errors
    /// [`RunError::NotFound`]; [`RunError::NotReached`] if the run never came to the node; [`RunError::Diverged`] if it would
    /// have come there in another way; and what [`Engine::start`] gives.
    pub async fn fork(
        &self,
        tenant: &Tenant,
        run: RunId,
        fork: Fork,
        by: &Principal,
    ) -> Result<RunHandle, RunError> {
        let inner = &self.inner;
        if let Some(key) = &fork.idempotency_key
            && let Some(handle) = self.forked_before(tenant, run, key).await?
        {
            return Ok(handle);
        }
        let (head, _) = inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        let plan = match fork.plan {
            Some(plan) => plan,
            None => self.plan_of(tenant, &head).await?,
        };
        let source = self.journal_of(tenant, run).await?;
        let Some((Record { body: Body::Manifest(before), at: began }, past)) = source.split_first() else {
            return Err(RunError::record(run, "its journal", &"it does not begin with a manifest"));
        };
        let cut = past.iter().position(|record| begins(&record.body, &fork.at));
        let cut = cut.ok_or_else(|| RunError::NotReached {
            run,
            node: fork.at.clone(),
            near: near(&fork.at, past),
        })?;
        let (past, later) = past.split_at(cut);
        let inputs = fork.inputs.unwrap_or_else(|| before.inputs.clone());
        check_inputs(&plan, &inputs)?;
        inner.known.check(&inputs)?;
        let options = RunOptions {
            idempotency_key: fork.idempotency_key,
            budget: fork.budget.unwrap_or(before.options.budget),
            ..before.options.clone()
        };
        let durability = check_options(inner, &options)?;
        check_secrets(&plan, &options)?;
        let id = RunId::new(&*inner.ids);
        let epoch = inner.epoch(id).await?;
        let now = inner.clock.now();
        let mut manifest = Manifest {
            version: RECORD_VERSION,
            run: id,
            tenant: tenant.clone(),
            by: by.clone(),
            blueprint: plan.blueprint.blueprint_id.clone(),
            name: plan.blueprint.name().to_owned(),
            plan: plan.hash,
            inputs,
            not_enforced: plan.not_enforced(options.isolation),
            options,
            // All that is copied is of the past.
            forked: Some(Box::new(before.forked_at(fork.at, u64::MAX))),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let moved = now.since(past.last().map_or(*began, |last| last.at));
        let mut records =
            vec![Record { at: began.plus(moved), body: Body::Manifest(Arc::new(manifest.clone())) }];
        records.extend(past.iter().map(|record| later_by(record, moved)));
        let replay = Replay::new(Arc::clone(&plan)).inspected_by(Arc::clone(&self.inner.policy));
        let mut state = come_out(replay, &mut records, later, now).map_err(|found| RunError::Diverged {
            run,
            divergence: Box::new(seen_divergence(&inner.views, *found)),
        })?;
        if let Some(forked) = &mut manifest.forked {
            **forked = before.forked_at(forked.at.clone(), records.len() as u64);
        }
        state.manifest = Arc::new(manifest.clone());
        if let Some(first) = records.first_mut() {
            first.body = Body::Manifest(Arc::clone(&state.manifest));
        }
        let mut writer = first_writer(inner, &plan, &manifest, (epoch, now), durability);
        for record in &records {
            let written = writer.push(record.at, &record.body);
            written.map_err(|error| RunError::record(id, "a record of its past", &error))?;
        }
        // All at once: a part of the past is none.
        writer.begin(Some(&state), state.status(), durability)?;
        match (writer.landed().await, &manifest.options.idempotency_key) {
            (Ok(()), _) => {}
            // Another caller with the same key was faster: theirs is the run.
            (Err(RunError::Lost(_)), Some(key)) => {
                return self.forked_before(tenant, run, key).await?.ok_or(RunError::Lost(id));
            }
            (Err(error), _) => return Err(error),
        }
        inner.meters.started.increment(1);
        inner.attend_to(tenant);
        let shared = share(inner, &plan, tenant, &manifest);
        let recovered = Input::Recovered { by: by.clone(), epoch };
        Ok(launch(Driver::new(shared, state, writer).recovering(recovered, None)))
    }

    /// The plan of a run with fields of its nodes changed: paths as `ask.prompt`, to values.
    ///
    /// # Errors
    /// [`RunError::NotFound`], or [`RunError::Change`] with what is wrong with the changes.
    pub async fn plan_with(
        &self,
        tenant: &Tenant,
        run: RunId,
        changes: &[(String, Value)],
    ) -> Result<Arc<Plan>, RunError> {
        let (head, _) = self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        let mut pinned = self.pinned(tenant, run, &head).await?;
        for (path, value) in changes {
            set_field(&mut pinned.blueprint, path, value).map_err(RunError::Change)?;
        }
        // Read as a file is: fields that are none are told of.
        let reading = read(&pinned.blueprint.to_string(), Format::Json, "the changed blueprint");
        if reading.diagnostics.has_errors() {
            return Err(RunError::Change(reading.diagnostics.to_string()));
        }
        pinned.lock = None;
        compile_pinned(&pinned, &self.inner.registry).map_err(|failure| {
            let what = failure.message.strip_prefix(CHANGED).unwrap_or(&failure.message);
            RunError::Change(what.to_owned())
        })
    }

    /// The fork that an idempotency key stands for already.
    async fn forked_before(
        &self,
        tenant: &Tenant,
        run: RunId,
        key: &str,
    ) -> Result<Option<RunHandle>, RunError> {
        let Some(found) = self.inner.store.get(&keys::idempotency(tenant, key)).await? else {
            return Ok(None);
        };
        let Ok(fork) = String::from_utf8_lossy(&found.value).parse::<RunId>() else { return Ok(None) };
        let document = self.document(tenant, fork).await?;
        if document.forked.as_ref().is_none_or(|forked| forked.run != run) {
            return Err(RunError::IdempotencyConflict { run: fork });
        }
        if !document.status.is_final() && document.status != RunStatus::Parked {
            return self.wake(tenant, fork).await.map(Some);
        }
        let plan = Arc::new(Plan::empty(&document.blueprint_id));
        Ok(Some(ended(&self.inner, &plan, tenant, document.into())))
    }

    /// All records of a run.
    async fn journal_of(&self, tenant: &Tenant, run: RunId) -> Result<Vec<Record>, RunError> {
        let mut reader = self.reader(tenant, run);
        let mut records = Vec::new();
        loop {
            let page = reader.read().await?;
            if page.is_empty() {
                return Ok(records);
            }
            records.extend(page.into_iter().map(|numbered| numbered.record));
        }
    }
}

/// The nodes that may have been meant, in words: those that end with the path, and those whose steps it names.
fn near(at: &NodePath, past: &[Record]) -> String {
    let mut found: Vec<&NodePath> = Vec::new();
    for node in past.iter().filter(|record| is_begin(&record.body)).filter_map(|record| record.body.node()) {
        let inner = node.as_str().rsplit_once('.').is_some_and(|(_, id)| id == at.as_str());
        let outer = at.as_str().strip_prefix(node.as_str()).is_some_and(|rest| rest.starts_with('.'));
        if (inner || outer) && !found.contains(&node) && found.len() < 3 {
            found.push(node);
        }
    }
    match found.as_slice() {
        [] => String::new(),
        nodes => {
            let names: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
            format!("; did you mean {}?", names.join(" or "))
        }
    }
}

/// Whether the record is that a run came to the node.
fn begins(body: &Body, at: &NodePath) -> bool {
    is_begin(body) && body.node().is_some_and(|node| node == at || node.to_static() == *at)
}

fn is_begin(body: &Body) -> bool {
    matches!(
        body,
        Body::Started { .. }
            | Body::Opened { .. }
            | Body::Watching { .. }
            | Body::Asked { step: None, .. }
            | Body::Skipped { .. }
            | Body::Failed { .. }
    )
}

/// The state a new run begins with: after its past, and after what ended later of what was under way there.
fn come_out(
    mut replay: Replay,
    records: &mut Vec<Record>,
    later: &[Record],
    now: Moment,
) -> Result<State, Box<Divergence>> {
    records.iter().try_for_each(|record| replay.push(record))?;
    if let Some((first, others)) = later.split_first() {
        let node = first.body.node();
        // What began beside the node before anything ended does not depend on it.
        for record in others.iter().take_while(|record| is_begin(&record.body)) {
            let record = later_by(record, now.since(record.at));
            if record.body.node() != node && replay.takes(&record) {
                replay.push(&record)?;
                records.push(record);
            }
        }
    }
    let mut open = replay.state().map(State::under_way).unwrap_or_default();
    for record in later {
        if !is_of(&record.body, &mut open) {
            continue;
        }
        let record = later_by(record, now.since(record.at));
        replay.push(&record)?;
        records.push(record);
    }
    replay.into_state().ok_or_else(Divergence::without_records)
}

/// Whether the record is about one of these attempts; one that ends is taken out.
fn is_of(body: &Body, open: &mut Vec<NodePath>) -> bool {
    let Some(node) = body.node() else { return false };
    match body {
        Body::Succeeded { .. } | Body::Failed { .. } | Body::Alerted { .. } => {
            match open.iter().position(|attempt| attempt == node) {
                Some(at) => {
                    open.swap_remove(at);
                    true
                }
                None => false,
            }
        }
        Body::Step { .. } | Body::Receipt { .. } => open.contains(node),
        Body::Reported { .. } | Body::Denied { .. } => open.iter().any(|attempt| {
            let rest = node.as_str().strip_prefix(attempt.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }),
        Body::Manifest(_)
        | Body::Started { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Opened { .. }
        | Body::Iterated { .. }
        | Body::Watching { .. }
        | Body::Checked { .. }
        | Body::Asked { .. }
        | Body::Escalated { .. }
        | Body::Answered { .. }
        | Body::Closed { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Exceeded { .. }
        | Body::Funded { .. }
        | Body::Migrated(_)
        | Body::Parked { .. }
        | Body::Resumed { .. }
        | Body::Ended { .. } => false,
    }
}

/// A record as if it had been written so much later.
fn later_by(record: &Record, span: Duration) -> Record {
    let mut record = Record { at: record.at.plus(span), body: record.body.clone() };
    if let Body::Failed { retry_at: Some(at), .. } = &mut record.body {
        *at = at.plus(span);
    }
    record
}
