//! Starting a run.

use std::sync::Arc;

use ice_core::budget::Spend;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::store::{Batch, Durability};
use ice_core::time::Moment;
use ice_core::value::Value;
use tracing::Instrument;

use super::driver::Driver;
use super::engine::Inner;
use super::holdings::Holdings;
use super::run::{Confinement, Mailbox, Progress, RunShared, Watched};
use super::transient::TransientHub;
use super::writer::Writer;
use super::{Engine, RunEnd, RunError, RunHandle};
use crate::journal::codec::Encoder;
use crate::journal::{
    Body, Manifest, RECORD_VERSION, RunHead, RunOptions, RunStatus, RunSummary, keys, list,
};
use crate::workflow::runtime::{MAX_VALUE_DEPTH, State};
use crate::workflow::{Plan, estimate};

impl Engine {
    /// Starts a run and returns once it is accepted, with the durability of its options. With an idempotency
    /// key the same call again gives the same run.
    ///
    /// Cancel-safe, but for this: dropped, the run may or may not have been started.
    ///
    /// # Errors
    /// [`RunError`] if the inputs or options are not valid, or the store failed; nothing was started then.
    pub async fn start(
        &self,
        plan: &Arc<Plan>,
        inputs: Value,
        options: RunOptions,
        by: &Principal,
        tenant: &Tenant,
    ) -> Result<RunHandle, RunError> {
        self.start_beside(plan, inputs, options, (by, tenant), |_| Ok(Batch::new())).await
    }

    /// As [`Self::start`]; what `beside` gives for the new run is written in one commit with its first records, and if
    /// its expectations do not hold, nothing is started.
    pub(super) async fn start_beside(
        &self,
        plan: &Arc<Plan>,
        inputs: Value,
        options: RunOptions,
        (by, tenant): (&Principal, &Tenant),
        beside: impl FnOnce(RunId) -> Result<Batch, RunError> + Send,
    ) -> Result<RunHandle, RunError> {
        let inner = &self.inner;
        let inputs = if inputs.is_null() { Value::empty_map() } else { inputs };
        check_inputs(plan, &inputs)?;
        inner.known.check(&inputs)?;
        let durability = check_options(inner, &options)?;
        check_secrets(plan, &options)?;
        if let Some(key) = &options.idempotency_key
            && let Some(handle) = self.started_before(key, plan, &inputs, tenant).await?
        {
            return Ok(handle);
        }
        check_budget(plan, &inputs, &options)?;
        let least = || estimate(plan, Some(&inputs), &options).least();
        self.check_shared(tenant, &plan.blueprint.blueprint_id, least).await?;
        let run = RunId::new(&*inner.ids);
        let epoch = inner.epoch(run).await?;
        let now = inner.clock.now();
        let manifest = Manifest {
            version: RECORD_VERSION,
            run,
            tenant: tenant.clone(),
            by: by.clone(),
            blueprint: plan.blueprint.blueprint_id.clone(),
            name: plan.blueprint.name().to_owned(),
            plan: plan.hash,
            inputs: inputs.clone(),
            not_enforced: plan.not_enforced(options.isolation),
            options,
            forked: None,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let manifest = Arc::new(manifest);
        let mut writer = first_writer(inner, plan, &manifest, (epoch, now), durability);
        writer
            .push(now, &Body::Manifest(Arc::clone(&manifest)))
            .map_err(|error| RunError::Inputs(format!("they cannot be kept: {error}")))?;
        writer.with(beside(run)?);
        let key = manifest.options.idempotency_key.clone();
        let shared = share(inner, plan, tenant, &manifest);
        let state = State::new(manifest, Arc::clone(plan), now);
        inner.meters.started.increment(1);
        inner.attend_to(tenant);
        let handle = launch(Driver::new(Arc::clone(&shared), state, writer));
        match accepted(&shared).await {
            Ok(()) => Ok(handle),
            // Another caller with the same key was faster: theirs is the run.
            Err(RunError::Lost(_)) if key.is_some() => {
                let before = self.started_before(&key.unwrap_or_default(), plan, &inputs, tenant).await?;
                before.ok_or(RunError::Lost(run))
            }
            Err(error) => Err(error),
        }
    }

    /// The run that an idempotency key stands for already.
    async fn started_before(
        &self,
        key: &str,
        plan: &Arc<Plan>,
        inputs: &Value,
        tenant: &Tenant,
    ) -> Result<Option<RunHandle>, RunError> {
        let Some(found) = self.inner.store.get(&keys::idempotency(tenant, key)).await? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&found.value);
        let Ok(run) = text.parse::<RunId>() else { return Ok(None) };
        let Some((head, _)) = self.inner.head(tenant, run).await? else { return Ok(None) };
        let document = self.document(tenant, run).await?;
        // A run that was moved to another plan is still the one that was started over the first.
        let is_same = head.plan == plan.hash
            || self.manifest_of(tenant, run).await?.is_some_and(|manifest| manifest.plan == plan.hash);
        if !is_same || document.inputs != *inputs {
            return Err(RunError::IdempotencyConflict { run });
        }
        if let Some(handle) = self.handle(run) {
            return Ok(Some(handle));
        }
        if !document.status.is_final() && document.status != RunStatus::Parked {
            return self.wake(tenant, run).await.map(Some);
        }
        Ok(Some(ended(&self.inner, plan, tenant, document.into())))
    }
}

pub(super) fn check_inputs(plan: &Plan, inputs: &Value) -> Result<(), RunError> {
    if inputs.as_map().is_none() {
        return Err(RunError::Inputs(format!("they must be an object, not {}", inputs.type_name())));
    }
    if inputs.is_deeper_than(MAX_VALUE_DEPTH) {
        return Err(RunError::Inputs(format!("they nest deeper than {MAX_VALUE_DEPTH} levels")));
    }
    match &plan.inputs {
        Some(validator) => {
            validator.validate(inputs).map_err(|violations| RunError::Inputs(list(&violations)))
        }
        None => Ok(()),
    }
}

/// A tool that lacks a secret is told of now, not after half of the work.
pub(super) fn check_secrets(plan: &Plan, options: &RunOptions) -> Result<(), RunError> {
    for (tool, found) in &plan.tools {
        let missing = found.secrets().into_iter().find(|name| !options.grants.secrets.contains_key(*name));
        if let Some(secret) = missing {
            return Err(RunError::Secret { tool: tool.to_string(), secret: secret.to_owned() });
        }
    }
    Ok(())
}

/// A run that cannot succeed within its budget, whatever happens, is not begun.
fn check_budget(plan: &Plan, inputs: &Value, options: &RunOptions) -> Result<(), RunError> {
    if options.budget.is_unlimited() {
        return Ok(());
    }
    let least = estimate(plan, Some(inputs), options).least();
    options.budget.overrun(&Spend::default(), &least).map_or(Ok(()), |overrun| Err(RunError::Budget(overrun)))
}

/// Checks the options; gives the durability of the run.
pub(super) fn check_options(inner: &Inner, options: &RunOptions) -> Result<Durability, RunError> {
    check_ranges(options)?;
    if !options.waive.is_empty() {
        let known = inner.processes.as_ref().map(|host| host.layers()).unwrap_or_default();
        if let Some(unknown) = options.waive.iter().find(|layer| !known.contains(&layer.as_str())) {
            let rule = "the name of a layer of this engine's cages";
            let found = format!("`{}`", unknown.chars().take(100).collect::<String>());
            return Err(RunError::Option { option: "waive", found, rule });
        }
    }
    let offered = inner.store.offers().durability.min(inner.blobs.durability());
    match options.durability {
        Some(wanted) if wanted > offered => Err(RunError::Durability { wanted, offered }),
        Some(wanted) => Ok(wanted),
        None => Ok(offered),
    }
}

/// Checks what of the options does not depend on the engine.
pub(super) fn check_ranges(options: &RunOptions) -> Result<(), RunError> {
    let wrong = |option, found: String, rule| Err(RunError::Option { option, found, rule });
    if !(1..=1_024).contains(&options.max_parallel) {
        return wrong("max_parallel", options.max_parallel.to_string(), "1 to 1024");
    }
    if let Some(depth) = options.max_depth
        && depth > 16
    {
        return wrong("max_depth", depth.to_string(), "at most 16");
    }
    if let Some(most) = options.max_concurrent.filter(|most| !(1..=1_024).contains(most)) {
        return wrong("max_concurrent", most.to_string(), "1 to 1024");
    }
    if options.cancel_grace_ms > 600_000 {
        return wrong("cancel_grace_ms", options.cancel_grace_ms.to_string(), "at most 600000");
    }
    if let Some(key) = &options.idempotency_key
        && (key.is_empty() || key.len() > 256)
    {
        return wrong("idempotency_key", format!("{} bytes", key.len()), "1 to 256 bytes");
    }
    Ok(())
}

/// The writer of a run that has no record yet. With its first commit go its plan, if the store lacks it, and its
/// idempotency key. The run is accepted at `now`, in this epoch of the engine's ownership.
pub(super) fn first_writer(
    inner: &Arc<Inner>,
    plan: &Plan,
    manifest: &Manifest,
    (epoch, now): (u64, Moment),
    durability: Durability,
) -> Writer {
    let tenant = &manifest.tenant;
    let summary = RunSummary {
        id: manifest.run,
        status: RunStatus::Queued,
        blueprint_id: manifest.blueprint.clone(),
        name: manifest.name.clone(),
        by: manifest.by.clone(),
        started_at: now,
        updated_at: now,
        failure: None,
    };
    let head = RunHead {
        version: RECORD_VERSION,
        summary,
        next: 0,
        owner: inner.name.clone(),
        epoch,
        plan: plan.hash,
        timer: None,
        migrated: None,
        imported: None,
    };
    let (encoder, holdings) = (Encoder::default(), Holdings::new(manifest.options.max_bytes));
    let mut writer =
        Writer::new(Arc::clone(inner), tenant.clone(), head, None, encoder, holdings, durability);
    if !inner.plans.is_stored(tenant, plan.hash) {
        writer.bring_plan(tenant, plan);
    }
    if let Some(key) = &manifest.options.idempotency_key {
        let key = keys::idempotency(tenant, key);
        writer.with(Batch::new().expect_absent(key.clone()).put(key, manifest.run.to_string()));
    }
    writer
}

/// What the parts of a run share.
pub(super) fn share(
    inner: &Arc<Inner>,
    plan: &Arc<Plan>,
    tenant: &Tenant,
    manifest: &Manifest,
) -> Arc<RunShared> {
    Arc::new(RunShared {
        engine: Arc::clone(inner),
        plan: Arc::clone(plan),
        tenant: tenant.clone(),
        run: manifest.run,
        grants: Arc::new(manifest.options.grants.clone()),
        transient: TransientHub::new(inner.ring, inner.views.redactor().clone()),
        mailbox: Mailbox::default(),
        progress: Watched::default(),
        grace_ms: manifest.options.cancel_grace_ms,
        confinement: Confinement {
            isolation: manifest.options.isolation,
            waive: manifest.options.waive.clone(),
            limits: manifest.options.limits,
        },
    })
}

/// Starts the task of a run.
pub(super) fn launch(mut driver: Box<Driver>) -> RunHandle {
    let span = driver.traced();
    let shared = Arc::clone(&driver.shared);
    shared.engine.enter(&shared);
    let tasks = shared.engine.tasks.clone();
    // In a box: a future that is spawned is moved from hand to hand, and this one is large.
    tasks.spawn(Box::pin(driver.run()).instrument(span));
    RunHandle { shared }
}

/// Waits until the first records are durable.
async fn accepted(shared: &RunShared) -> Result<(), RunError> {
    let reached = shared.progress.wait_for(|progress| match &progress.end {
        _ if progress.durable > 0 => Some(Ok(())),
        Some(Err(error)) => Some(Err(error.clone())),
        Some(Ok(_)) => Some(Ok(())),
        None => None,
    });
    reached.await
}

/// The handle of a run that has ended before.
pub(super) fn ended(inner: &Arc<Inner>, plan: &Arc<Plan>, tenant: &Tenant, end: RunEnd) -> RunHandle {
    let run = end.id;
    let end = end.seen(&inner.views);
    let progress = Progress { durable: u64::MAX, end: Some(Ok(Arc::new(end))), ..Progress::default() };
    let shared = RunShared {
        engine: Arc::clone(inner),
        plan: Arc::clone(plan),
        tenant: tenant.clone(),
        run,
        grants: Arc::default(),
        transient: TransientHub::new(0, inner.views.redactor().clone()),
        mailbox: Mailbox::default(),
        progress: Watched::new(progress),
        grace_ms: 0,
        confinement: Confinement::default(),
    };
    RunHandle { shared: Arc::new(shared) }
}
