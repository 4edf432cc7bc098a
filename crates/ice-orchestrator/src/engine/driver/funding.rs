//! How far the budgets that a run shares with others let it go.

use ice_core::budget::{Budget, Spend};
use ice_core::store::Batch;

use super::Driver;
use crate::engine::RunError;
use crate::engine::budgets::{Funding, Sharer, Used, written};
use crate::workflow::runtime::Input;

impl Driver {
    fn sharer(&self) -> Sharer {
        Sharer {
            tenant: self.shared.tenant.clone(),
            blueprint: self.state.manifest().blueprint.clone(),
            run: self.shared.run,
        }
    }

    fn used(&self) -> Used {
        Used { spent: self.state.spending.spent(), used: self.state.spending.used() }
    }

    /// Records how far the run may go, if that is not what its journal says: budgets are set and removed, and a run that was
    /// forked or moved here has drawn nothing.
    pub(super) async fn look_at_budgets(&mut self) -> Result<(), RunError> {
        let engine = &self.shared.engine;
        if self.state.funds.is_none() && !engine.has_budgets(&self.shared.tenant).await? {
            return Ok(());
        }
        let found = self.shared.engine.funding(&self.sharer(), self.state.spending.used()).await?;
        let known = self.state.funds.as_ref().map(|funds| funds.until);
        if found.until.or(known.map(|_| Budget::default())) != known {
            return self.fund(found);
        }
        self.shares = found.shares;
        Ok(())
    }

    /// Asks for what an input needs, and takes it again.
    pub(super) async fn draw(&mut self, input: Input, need: Spend) -> Result<(), RunError> {
        let drawn = self.shared.engine.draw(&self.sharer(), self.used(), need).await?;
        self.fund(drawn)?;
        self.queue.push_front(input);
        Ok(())
    }

    /// Tells what the run has spent, and gives back what it may spend and will not for long. `false` if there is nothing of that.
    pub(super) async fn give_back(&mut self) -> Result<bool, RunError> {
        let Some(until) = self.state.funds.as_ref().map(|funds| funds.until) else { return Ok(false) };
        let used = self.used();
        let is_told = self.shares.iter().all(|(_, share)| share.is_told(used.spent));
        if is_told && !until.has_more_than(&used.used) {
            return Ok(false);
        }
        let left = self.shared.engine.give_back(&self.sharer(), used).await?;
        if left.until.unwrap_or_default() == until {
            self.shares = left.shares;
            return Ok(false);
        }
        self.fund(left)?;
        Ok(true)
    }

    /// What says with the run's last record what it has spent.
    pub(super) fn close_shares(&mut self) -> Result<(), RunError> {
        let spent = self.state.spending.spent();
        let mut batch = Batch::new();
        for (key, share) in self.shares.drain(..).filter(|(_, share)| !share.is_nothing()) {
            let written = written(&key, &share.ended(spent))?;
            batch = batch.put(key, written);
        }
        if !batch.is_empty() {
            self.writer.with(batch);
        }
        Ok(())
    }

    fn fund(&mut self, funding: Funding) -> Result<(), RunError> {
        let Funding { until, refused, shares } = funding;
        self.shares = shares;
        self.take(Input::Funded { until: until.unwrap_or_default(), refused })
    }
}
