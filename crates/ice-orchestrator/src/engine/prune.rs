//! Retention: runs that have ended are removed, and with them the blobs that only they named.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ice_core::id::{RunId, Tenant};
use ice_core::memory::MemoryError;
use ice_core::store::blob::Collected;
use ice_core::store::{Batch, CommitError, Durability, Key, Store, StoreError};
use ice_core::time::Moment;
use ice_core::value::{BlobHash, Value};
use ice_core::{memory, segments};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Engine, MemoryPlace, RunError};
use crate::journal::{Body, Manifest, Reader, RunHead, RunStatus, keys, values};

/// Which runs are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those whose newest record is older than this.
    pub before: Moment,
    /// Only those of this status; it must be a final one.
    pub status: Option<RunStatus>,
    /// The newest so many that would be removed are kept all the same.
    pub keep: usize,
    /// Whether it is only told what would be removed.
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pruned {
    /// The runs, the newest first.
    #[schemars(with = "Vec<String>")]
    pub runs: Vec<RunId>,
    /// Blobs that no run names any more.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
}

impl Engine {
    /// Removes runs of a tenant that have ended, each whole or not at all, then the blobs of the store that no run, no memory and no
    /// index of any tenant names, and what is left of journals without a run. Runs that have not ended are never removed. Plans stay: they
    /// are small, and others may use them.
    ///
    /// If the engine was given the keys of runs, those of removed ones are destroyed. Reads every journal that is left if anything was
    /// removed. Dropping the future leaves runs removed and the rest not, until the next call.
    ///
    /// # Errors
    /// [`RunError::Option`] if the status is not a final one; [`RunError::Store`] if the store failed, and [`RunError::Journal`]
    /// if a journal that is left cannot be read: no blob is removed then.
    pub async fn prune(&self, tenant: &Tenant, retention: &Retention) -> Result<Pruned, RunError> {
        if let Some(status) = retention.status.filter(|status| !status.is_final()) {
            let rule = "succeeded, failed or cancelled: only runs that have ended are removed";
            return Err(RunError::Option { option: "status", found: status.to_string(), rule });
        }
        let old = self.old(tenant, retention).await?;
        let mut pruned = Pruned::default();
        for run in old {
            if retention.dry_run || self.remove(tenant, run).await? {
                pruned.runs.push(run);
            }
        }
        if !retention.dry_run && (!pruned.runs.is_empty() || self.has_removals(tenant).await?) {
            let Collected { removed, bytes, .. } =
                self.finish_removals(tenant).await.map_err(|uncollected| uncollected.error)?;
            (pruned.blobs, pruned.blob_bytes) = (removed, bytes);
            match self.collect_elsewhere().await {
                Ok((removed, bytes)) => {
                    pruned.blobs += removed;
                    pruned.blob_bytes += bytes;
                }
                // Runs do not depend on where memory is kept.
                Err(error) => tracing::warn!(%error, "blobs of memory that nothing names were not removed"),
            }
        }
        Ok(pruned)
    }

    /// Removes what is left of runs that were removed, here or by a call that was cut short: journals, keys, blobs.
    pub(super) async fn finish_removals(&self, tenant: &Tenant) -> Result<Collected, Uncollected> {
        self.clear_remains(tenant).await?;
        let removed = self.clear_removed(tenant).await?;
        let collected = self.collect_blobs().await?;
        self.forget_removals(removed).await?;
        Ok(collected)
    }

    /// The runs that are to be removed, the newest first.
    async fn old(&self, tenant: &Tenant, retention: &Retention) -> Result<Vec<RunId>, RunError> {
        let mut old = Vec::new();
        for status in [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Cancelled] {
            if retention.status.is_some_and(|wanted| wanted != status) {
                continue;
            }
            for run in self.with_status(tenant, status).await? {
                let head = self.inner.head(tenant, run).await?;
                let is_old = head.is_some_and(|(RunHead { summary, .. }, _)| {
                    summary.status.is_final() && summary.updated_at < retention.before
                });
                if is_old {
                    old.push(run);
                }
            }
        }
        old.sort_unstable_by(|one, other| other.cmp(one));
        Ok(old.split_off(retention.keep.min(old.len())))
    }

    /// Removes a run; says whether it was there. The commit that removes its head removes all of it that fits into one.
    pub(super) async fn remove(&self, tenant: &Tenant, run: RunId) -> Result<bool, RunError> {
        let Some((head, version)) = self.inner.head(tenant, run).await? else { return Ok(false) };
        let (summary, key) = (&head.summary, keys::head(tenant, run));
        let mut batch = Batch::new()
            .expect_version(key.clone(), version)
            .delete(key)
            .put(keys::removal(tenant, run), "")
            .delete(keys::in_status(tenant, summary.status, run))
            .delete(keys::of_blueprint(tenant, &summary.blueprint_id, run));
        if let Some(idempotency) = self.idempotency_key(tenant, run).await? {
            batch = batch.delete(idempotency);
        }
        let folders = [keys::inbox(tenant, run), keys::journal(tenant, run)];
        let (mut room, mut longer) = (self.room(), Vec::new());
        for folder in folders {
            let (below, is_all) = self.below(&folder, room).await?;
            room -= below.iter().map(|key| key.as_bytes().len()).sum::<usize>().min(room);
            batch = below.into_iter().fold(batch, Batch::delete);
            if !is_all {
                longer.push(folder);
            }
        }
        match self.inner.store.commit(batch, Durability::Buffered).await {
            Ok(_) => {}
            // Somebody else removed it.
            Err(CommitError::Conflict { .. }) => return Ok(false),
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
        // It is a run no more; what is left of a long one goes now, or with the next removal.
        if let Some(_reserved) = self.inner.reserve(run) {
            for folder in longer {
                self.clear(tenant, run, &folder).await?;
            }
            self.destroy_key(tenant, run).await?;
        }
        Ok(true)
    }

    /// Where the idempotency key stands under which a run was started, if it still stands for that run. A run whose
    /// journal is damaged is removed without.
    async fn idempotency_key(&self, tenant: &Tenant, run: RunId) -> Result<Option<Key>, RunError> {
        let manifest = match self.manifest_of(tenant, run).await {
            Ok(manifest) => manifest,
            Err(error) if error.is_damage() => None,
            Err(error) => return Err(error),
        };
        let Some(manifest) = manifest else { return Ok(None) };
        let Some(key) = manifest.options.idempotency_key.map(|key| keys::idempotency(tenant, &key)) else {
            return Ok(None);
        };
        let found = self.inner.store.get(&key).await?;
        Ok(found.filter(|found| found.value == run.to_string()).map(|_| key))
    }

    /// What a run was started with; nothing if its journal does not say so.
    pub(super) async fn manifest_of(
        &self,
        tenant: &Tenant,
        run: RunId,
    ) -> Result<Option<Manifest>, RunError> {
        let first = self.reader(tenant, run).read().await?.into_iter().next();
        Ok(match first.map(|numbered| numbered.record.body) {
            Some(Body::Manifest(manifest)) => Some(Arc::unwrap_or_clone(manifest)),
            Some(_) | None => None,
        })
    }

    pub(super) fn reader(&self, tenant: &Tenant, run: RunId) -> Reader {
        Reader::new(Arc::clone(&self.inner.store), Arc::clone(&self.inner.blobs), tenant, run)
    }

    pub(super) async fn collect_blobs(&self) -> Result<Collected, Uncollected> {
        let mut unreadable = None;
        let reachable = Box::pin(async {
            self.named_blobs().await.map_err(|uncollected| {
                let what = uncollected.error.to_string();
                unreadable = Some(uncollected);
                StoreError::Corrupt { what }
            })
        });
        let collected = self.inner.blobs.collect(reachable).await;
        match (collected, unreadable) {
            (_, Some(uncollected)) => Err(uncollected),
            (collected, None) => Ok(collected?),
        }
    }

    /// Removes the blobs that nothing names where memory is kept with its blobs; says how many, and their bytes.
    pub(super) async fn collect_elsewhere(&self) -> Result<(u64, u64), MemoryError> {
        let mut all = (0, 0);
        for MemoryPlace { store, blobs } in self.inner.memories.places().await? {
            let reachable = Box::pin(async {
                let mut named = HashSet::new();
                remembered(&*store, &mut named).await.map(|()| named)
            });
            let Collected { removed, bytes, .. } = blobs.collect(reachable).await?;
            all = (all.0 + removed, all.1 + bytes);
        }
        Ok(all)
    }

    /// Every blob that a run or an index of any tenant names.
    async fn named_blobs(&self) -> Result<HashSet<BlobHash>, Uncollected> {
        let mut named = Named::default();
        for (tenant, run) in self.all_runs().await? {
            let mut reader = self.reader(&tenant, run);
            loop {
                let records = reader.read().await;
                let records = records.map_err(|error| Uncollected { run: Some(run), error: error.into() })?;
                if records.is_empty() {
                    break;
                }
                records.iter().for_each(|numbered| named.see(&numbered.record.body));
            }
            named.blobs.extend(reader.into_fetched());
        }
        named.blobs.extend(self.remembered_blobs().await?);
        Ok(named.blobs)
    }

    /// Every blob that the memory of any tenant names, or an index.
    async fn remembered_blobs(&self) -> Result<HashSet<BlobHash>, RunError> {
        let own = std::iter::once(Arc::clone(&self.inner.store));
        let mut blobs = HashSet::new();
        for store in own.chain(self.inner.memories.stores()) {
            remembered(&*store, &mut blobs).await?;
        }
        Ok(blobs)
    }

    pub(super) async fn all_runs(&self) -> Result<Vec<(Tenant, RunId)>, RunError> {
        let mut runs = Vec::new();
        for tenant in tenants(&*self.inner.store).await? {
            let folder = keys::heads(&tenant);
            let look = |key: &Key| {
                let run = key.as_str().strip_prefix(folder.as_str()).and_then(keys::run_of);
                runs.extend(run.map(|run| (tenant.clone(), run)));
                ControlFlow::Continue(())
            };
            self.inner.each_key(&folder, look).await?;
        }
        Ok(runs)
    }
}

/// Why no blob was removed.
#[derive(Debug)]
pub(super) struct Uncollected {
    /// The run of which it is not known what it names, if it is one.
    pub(super) run: Option<RunId>,
    pub(super) error: RunError,
}

impl<E: Into<RunError>> From<E> for Uncollected {
    fn from(error: E) -> Self {
        Self { run: None, error: error.into() }
    }
}

/// Every blob that the memory of any tenant in a store names, or an index.
async fn remembered(store: &dyn Store, blobs: &mut HashSet<BlobHash>) -> Result<(), StoreError> {
    for tenant in tenants(store).await? {
        blobs.extend(memory::reachable(store, &tenant).await?);
        blobs.extend(segments::reachable(store, &tenant).await?);
    }
    Ok(())
}

/// The tenants of which there is anything in a store.
async fn tenants(store: &dyn Store) -> Result<Vec<Tenant>, StoreError> {
    let (root, mut tenants) = (keys::root(), Vec::new());
    let mut after: Option<Key> = None;
    loop {
        let next = store.scan(&root, after.as_ref(), 1).await?;
        let Some(tenant) = next.first().and_then(|entry| keys::tenant_of(&entry.key)) else {
            return Ok(tenants);
        };
        after = Some(keys::after_tenant(&tenant));
        tenants.push(tenant);
    }
}

/// The blobs that values of records refer to.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) blobs: HashSet<BlobHash>,
    /// The lists and maps of the present record that were looked through: a value may hold another many times over.
    seen: HashSet<usize>,
}

impl Named {
    /// Looks through the values of a record.
    pub(super) fn see(&mut self, body: &Body) {
        self.seen.clear();
        values(body).into_iter().flatten().for_each(|value| self.look(value));
    }

    fn look(&mut self, value: &Value) {
        match value {
            Value::Blob(blob) => {
                self.blobs.insert(blob.hash);
            }
            Value::List(items) if self.seen.insert(Arc::as_ptr(items) as usize) => {
                items.iter().for_each(|item| self.look(item));
            }
            Value::Map(entries) if self.seen.insert(Arc::as_ptr(entries) as usize) => {
                entries.values().for_each(|value| self.look(value));
            }
            Value::List(_)
            | Value::Map(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {}
        }
    }
}
