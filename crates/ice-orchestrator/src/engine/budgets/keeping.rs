//! Where shared budgets and the shares of runs stand in the store, and how they are changed.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use ice_core::budget::{Budget, Overrun, Payer, Spend};
use ice_core::id::{BlueprintId, RunId, Tenant};
use ice_core::metrics::{MetricName, counter};
use ice_core::store::{Batch, CommitError, Durability, Key, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ledger::{Share, SharedBudget};
use crate::engine::engine::Inner;
use crate::engine::{Engine, RunError};
use crate::journal::keys;
use crate::workflow::runtime::does_not_allow;

/// How often a change is tried again that others were faster with.
pub(super) const TRIES: usize = 64;

/// Whose budgets a run shares.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Sharer {
    pub(in crate::engine) tenant: Tenant,
    pub(in crate::engine) blueprint: BlueprintId,
    pub(in crate::engine) run: RunId,
}

/// What a run has spent, and what it has used with what it holds for calls.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Used {
    pub(in crate::engine) spent: Spend,
    pub(in crate::engine) used: Spend,
}

/// How far shared budgets let a run go.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Funding {
    /// What the run may have spent in all; absent if it shares no budget.
    pub(in crate::engine) until: Option<Budget>,
    /// Why not further.
    pub(in crate::engine) refused: Option<Box<str>>,
    /// Its shares, by key.
    pub(in crate::engine) shares: Vec<(Key, Share)>,
}

/// A budget of a run, and its share.
struct Pair {
    keys: (Key, Key),
    versions: (Version, Option<Version>),
    budget: SharedBudget,
    share: Share,
}

/// Whose budgets the runs of a blueprint share.
pub(super) fn payers(blueprint: &BlueprintId) -> [Payer; 2] {
    [Payer::Blueprint(blueprint.clone()), Payer::Tenant]
}

impl Inner {
    /// How far a run may go.
    pub(in crate::engine) async fn funding(
        self: &Arc<Self>,
        of: &Sharer,
        used: Spend,
    ) -> Result<Funding, RunError> {
        let pairs =
            if self.has_budgets(&of.tenant).await? { self.pairs(of, used).await? } else { Vec::new() };
        Ok(funding(pairs))
    }

    /// Lets a run come to `need`, or says why not.
    pub(in crate::engine) async fn draw(
        self: &Arc<Self>,
        of: &Sharer,
        used: Used,
        need: Spend,
    ) -> Result<Funding, RunError> {
        let drawn = self.change(of, used.used, |pair| {
            let drawn = pair.budget.draw(&mut pair.share, (used.spent, used.used), need);
            drawn.map_err(|overrun| (pair.budget.payer.clone(), overrun))
        });
        match drawn.await? {
            Ok(pairs) => Ok(funding(pairs)),
            Err((payer, overrun)) => {
                let level = if payer == Payer::Tenant { "tenant" } else { "blueprint" };
                counter(MetricName::BudgetRefusals, &[("payer", level)]).increment(1);
                let refused = Some(does_not_allow(&payer.to_string(), &overrun).into());
                Ok(Funding { refused, ..self.funding(of, used.used).await? })
            }
        }
    }

    /// Takes back what a run has drawn and does not use.
    pub(in crate::engine) async fn give_back(&self, of: &Sharer, used: Used) -> Result<Funding, RunError> {
        let given = self.change(of, used.used, |pair| {
            pair.budget.give_back(&mut pair.share, (used.spent, used.used));
            Ok(())
        });
        // It never refuses.
        Ok(given.await?.map(funding).unwrap_or_default())
    }

    /// Settles the shares of a run that has ended.
    pub(in crate::engine) async fn settle_shares(&self, tenant: &Tenant, run: RunId) -> Result<(), RunError> {
        for _ in 0..TRIES {
            let _turn = self.ledgers.lock().await;
            let mut batch = Batch::new();
            for entry in self.store.scan(&keys::shares_of(tenant, run), None, 8).await? {
                let mut share: Share = read(&entry.key, &entry.value)?;
                let key = keys::budget(tenant, share.payer());
                batch = batch.expect_version(entry.key.clone(), entry.version).delete(entry.key);
                // Without the budget there is nothing to settle.
                if let Some((mut budget, version)) = self.ledger(&key).await? {
                    budget.close(&mut share);
                    batch =
                        batch.expect_version(key.clone(), version).put(key.clone(), written(&key, &budget)?);
                }
            }
            if batch.is_empty() || self.apply(batch).await? {
                return Ok(());
            }
        }
        Err(RunError::Contended)
    }

    /// The budget at a key, as it stands now.
    pub(super) async fn ledger(&self, key: &Key) -> Result<Option<(SharedBudget, Version)>, RunError> {
        let Some(found) = self.store.get(key).await? else { return Ok(None) };
        let mut budget: SharedBudget = read(key, &found.value)?;
        budget.roll(self.clock.now());
        Ok(Some((budget, found.version)))
    }

    /// Commits a change; `false` if others were faster. What depends on it is written later and more durably.
    pub(super) async fn apply(&self, batch: Batch) -> Result<bool, RunError> {
        match self.store.commit(batch, Durability::Buffered).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    async fn pairs(&self, of: &Sharer, used: Spend) -> Result<Vec<Pair>, RunError> {
        let mut pairs = Vec::new();
        for payer in payers(&of.blueprint) {
            let key = keys::budget(&of.tenant, &payer);
            let Some((budget, version)) = self.ledger(&key).await? else { continue };
            let of_run = keys::share(&of.tenant, of.run, &payer);
            let (share, known) = match self.store.get(&of_run).await? {
                Some(found) => (read(&of_run, &found.value)?, Some(found.version)),
                None => (Share::none(payer, used), None),
            };
            pairs.push(Pair { keys: (key, of_run), versions: (version, known), budget, share });
        }
        Ok(pairs)
    }

    /// Changes all budgets of a run, or none.
    async fn change(
        &self,
        of: &Sharer,
        used: Spend,
        mut change: impl FnMut(&mut Pair) -> Result<(), (Payer, Overrun)>,
    ) -> Result<Result<Vec<Pair>, (Payer, Overrun)>, RunError> {
        for _ in 0..TRIES {
            // Runs of this engine do not get in each other's way.
            let _turn = self.ledgers.lock().await;
            let mut pairs = self.pairs(of, used).await?;
            if let Some(refused) = pairs.iter_mut().find_map(|pair| change(pair).err()) {
                return Ok(Err(refused));
            }
            let mut batch = Batch::new();
            for pair in &pairs {
                let (key, of_run) = &pair.keys;
                batch = batch.expect_version(key.clone(), pair.versions.0);
                batch = match pair.versions.1 {
                    Some(version) => batch.expect_version(of_run.clone(), version),
                    None => batch.expect_absent(of_run.clone()),
                };
                batch = batch.put(key.clone(), written(key, &pair.budget)?);
                batch = batch.put(of_run.clone(), written(of_run, &pair.share)?);
            }
            if batch.is_empty() || self.apply(batch).await? {
                return Ok(Ok(pairs));
            }
        }
        Err(RunError::Contended)
    }
}

impl Engine {
    /// Settles what runs have drawn that ended with the process that drove them.
    pub(in crate::engine) async fn settle_ended(&self, tenant: &Tenant) -> Result<(), RunError> {
        let prefix = keys::shares(tenant);
        let mut runs = Vec::new();
        let look = |key: &Key| {
            runs.extend(keys::run_of_share(&prefix, key));
            ControlFlow::Continue(())
        };
        self.inner.each_key(&prefix, look).await?;
        runs.dedup();
        for run in runs {
            let head = self.inner.head(tenant, run).await?;
            if head.is_none_or(|(head, _)| head.summary.status.is_final()) {
                self.inner.settle_shares(tenant, run).await?;
            }
        }
        Ok(())
    }
}

fn funding(pairs: Vec<Pair>) -> Funding {
    let until = pairs.iter().map(|pair| pair.budget.until(&pair.share)).reduce(Budget::within);
    let shares = pairs.into_iter().map(|pair| (pair.keys.1, pair.share)).collect();
    Funding { until, refused: None, shares }
}

pub(super) fn read<T: DeserializeOwned>(key: &Key, bytes: &[u8]) -> Result<T, RunError> {
    serde_json::from_slice(bytes)
        .map_err(|error| RunError::Ledger { key: key.to_string(), what: error.to_string() })
}

pub(in crate::engine) fn written<T: Serialize>(key: &Key, value: &T) -> Result<Bytes, RunError> {
    let bytes = serde_json::to_vec(value);
    bytes.map(Bytes::from).map_err(|error| RunError::Ledger { key: key.to_string(), what: error.to_string() })
}
