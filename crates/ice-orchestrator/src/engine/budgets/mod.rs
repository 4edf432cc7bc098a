//! Budgets that runs share: of a blueprint, and of a tenant.
//!
//! A shared budget is a key in the store, and so is what each run has drawn of it. Both are changed together by
//! compare-and-set, in blocks: a run draws ahead what it will need soon, and gives back what is left when it waits for long or
//! ends. How far it may go then stands in its journal ([`Body::Funded`](crate::journal::Body::Funded)), so that everything it
//! decides follows from its records alone.

mod keeping;
mod ledger;
mod presence;

pub use ledger::SharedBudget;

pub(super) use keeping::{Funding, Sharer, Used, written};
pub(super) use ledger::Share;
pub(super) use presence::Presence;

use std::ops::ControlFlow;

use ice_core::budget::{Budget, Payer, Period, Spend};
use ice_core::id::{BlueprintId, Tenant};
use ice_core::store::{Batch, Key};

use self::keeping::{TRIES, payers};
use super::{Engine, RunError};
use crate::journal::keys;

impl Engine {
    /// Sets the budget that the runs of a tenant, or of one of its blueprints, share from now on. What was spent of one that
    /// was there counts on, unless its period is another one now. Runs under way draw from it once they are taken up again.
    ///
    /// Cancel-safe, but for this: dropped, the budget may or may not have been set.
    ///
    /// # Errors
    /// [`RunError::Option`] if it limits nothing, [`RunError::Store`] if the store failed.
    pub async fn set_budget(
        &self,
        tenant: &Tenant,
        payer: &Payer,
        limit: Budget,
        per: Option<Period>,
    ) -> Result<SharedBudget, RunError> {
        if limit.is_unlimited() {
            let rule = "at least one limit; what limits nothing is removed instead";
            return Err(RunError::Option { option: "budget", found: "no limit".to_owned(), rule });
        }
        let key = keys::budget(tenant, payer);
        for _ in 0..TRIES {
            let _turn = self.inner.ledgers.lock().await;
            let now = self.inner.clock.now();
            let new = SharedBudget::new(payer.clone(), limit, per, now);
            let (budget, batch) = match self.inner.ledger(&key).await? {
                Some((known, version)) => {
                    let goes_on = known.per == per;
                    let spent = if goes_on { known.spent } else { Spend::default() };
                    let since = if goes_on { known.since } else { new.since };
                    let budget = SharedBudget { spent, since, held: known.held, ..new };
                    (budget, Batch::new().expect_version(key.clone(), version))
                }
                None => (new, Batch::new().expect_absent(key.clone())),
            };
            if self.change(batch.put(key.clone(), written(&key, &budget)?)).await? {
                self.inner.presence.learn(tenant, true);
                return Ok(budget);
            }
        }
        Err(RunError::Contended)
    }

    /// Removes a shared budget, with what was spent of it. Gives it, if it was there.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn remove_budget(
        &self,
        tenant: &Tenant,
        payer: &Payer,
    ) -> Result<Option<SharedBudget>, RunError> {
        let key = keys::budget(tenant, payer);
        for _ in 0..TRIES {
            let _turn = self.inner.ledgers.lock().await;
            let Some((known, version)) = self.inner.ledger(&key).await? else { return Ok(None) };
            if self.change(Batch::new().expect_version(key.clone(), version).delete(key.clone())).await? {
                return Ok(Some(known));
            }
        }
        Err(RunError::Contended)
    }

    /// The budgets that runs of a tenant share, the tenant's own last.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn budgets(&self, tenant: &Tenant) -> Result<Vec<SharedBudget>, RunError> {
        let prefix = keys::budgets(tenant);
        let (mut keys, mut found) = (Vec::new(), Vec::new());
        let look = |key: &Key| {
            keys.push(key.clone());
            ControlFlow::Continue(())
        };
        self.inner.each_key(&prefix, look).await?;
        for key in keys {
            found.extend(self.inner.ledger(&key).await?.map(|(budget, _)| budget));
        }
        Ok(found)
    }

    /// A run that cannot succeed within the budgets it would share is not begun.
    pub(super) async fn check_shared(
        &self,
        tenant: &Tenant,
        blueprint: &BlueprintId,
        least: impl FnOnce() -> Spend,
    ) -> Result<(), RunError> {
        if !self.inner.has_budgets(tenant).await? {
            return Ok(());
        }
        let least = least();
        for payer in payers(blueprint) {
            let Some((budget, _)) = self.inner.ledger(&keys::budget(tenant, &payer)).await? else { continue };
            // What others hold may be given back.
            if let Some(overrun) = budget.limit.overrun(&budget.spent, &least) {
                return Err(RunError::SharedBudget { payer, overrun });
            }
        }
        Ok(())
    }
}
