//! Journals without a run: what a removal or an import leaves that ended in between, or that takes more than one commit.

use std::ops::ControlFlow;

use ice_core::id::{RunId, Tenant};
use ice_core::seal::KeyName;
use ice_core::store::{Batch, CommitError, Durability, Key, StoreError};

use super::{Engine, RunError};
use crate::journal::keys;

/// Bytes of a batch that are left to what is not counted piece by piece: a few keys.
const SPARE: usize = 8 * Key::MAX_BYTES;

impl Engine {
    /// The bytes of keys and values that a commit may take piece by piece.
    pub(super) fn room(&self) -> usize {
        self.inner.store.offers().max_batch_bytes.saturating_sub(SPARE)
    }

    /// Removes all that is below a prefix of a run that is not there, or no longer, in as many commits as it takes.
    pub(super) async fn clear(&self, tenant: &Tenant, run: RunId, prefix: &Key) -> Result<(), StoreError> {
        let (room, head) = (self.room(), keys::head(tenant, run));
        loop {
            let (below, is_all) = self.below(prefix, room).await?;
            if below.is_empty() {
                return Ok(());
            }
            let batch = below.into_iter().fold(Batch::new().expect_absent(head.clone()), Batch::delete);
            match self.inner.store.commit(batch, Durability::Buffered).await {
                Ok(_) if is_all => return Ok(()),
                Ok(_) => {}
                // It is a run by now.
                Err(CommitError::Conflict { .. }) => return Ok(()),
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
    }

    /// The first keys below a prefix that have so many bytes together, and whether these are all.
    pub(super) async fn below(&self, prefix: &Key, room: usize) -> Result<(Vec<Key>, bool), StoreError> {
        let (mut below, mut left, mut is_all) = (Vec::new(), room, true);
        let look = |key: &Key| {
            let rest = left.checked_sub(key.as_bytes().len());
            is_all = rest.is_some();
            left = rest.unwrap_or(left);
            if !is_all {
                return ControlFlow::Break(());
            }
            below.push(key.clone());
            ControlFlow::Continue(())
        };
        self.inner.each_key(prefix, look).await?;
        Ok((below, is_all))
    }

    /// Removes the journals of a tenant that belong to no run. One that is being brought here stays.
    pub(super) async fn clear_remains(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let folder = keys::journals(tenant);
        let mut after: Option<Key> = None;
        loop {
            let next = self.inner.store.scan(&folder, after.as_ref(), 1).await?;
            let Some(entry) = next.into_iter().next() else { return Ok(()) };
            after = Some(match keys::run_of_chunk(tenant, &entry.key) {
                Some(run) => {
                    // Whoever brings a run here has reserved it.
                    if let Some(_reserved) = self.inner.reserve(run)
                        && self.inner.store.get(&keys::head(tenant, run)).await?.is_none()
                    {
                        self.clear(tenant, run, &keys::journal(tenant, run)).await?;
                    }
                    keys::after_journal(tenant, run)
                }
                None => entry.key,
            });
        }
    }
}

impl Engine {
    /// Whether there are runs that were removed and of which something may be left.
    pub(super) async fn has_removals(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        Ok(!self.inner.store.scan(&keys::removals(tenant), None, 1).await?.is_empty())
    }

    /// Removes what is left of runs that were removed, and destroys their keys. Gives what says so of each: it goes last, when
    /// nothing is left.
    pub(super) async fn clear_removed(&self, tenant: &Tenant) -> Result<Vec<Key>, RunError> {
        let (folder, mut removals) = (keys::removals(tenant), Vec::new());
        let look = |key: &Key| {
            removals.push(key.clone());
            ControlFlow::Continue(())
        };
        self.inner.each_key(&folder, look).await?;
        let mut cleared = Vec::new();
        for key in removals {
            let run = key.as_str().strip_prefix(folder.as_str()).and_then(|run| run.parse::<RunId>().ok());
            let Some(run) = run else { continue };
            // Whoever brings it here again has reserved it.
            let Some(_reserved) = self.inner.reserve(run) else { continue };
            if self.inner.store.get(&keys::head(tenant, run)).await?.is_none() {
                for folder in [keys::journal(tenant, run), keys::inbox(tenant, run)] {
                    self.clear(tenant, run, &folder).await?;
                }
                self.destroy_key(tenant, run).await?;
            }
            cleared.push(key);
        }
        Ok(cleared)
    }

    /// Nothing is left of these.
    pub(super) async fn forget_removals(&self, removed: Vec<Key>) -> Result<(), StoreError> {
        for some in removed.chunks(1_000) {
            let batch = some.iter().cloned().fold(Batch::new(), Batch::delete);
            match self.inner.store.commit(batch, Durability::Buffered).await {
                Ok(_) | Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Destroys the key of a run that is not there any more, if it has one of its own. To be called once nothing below it is left: what
    /// is sealed under a destroyed key is not seen any more, and could not be removed.
    pub(super) async fn destroy_key(&self, tenant: &Tenant, run: RunId) -> Result<(), StoreError> {
        let Some(keys) = &self.inner.keys else { return Ok(()) };
        keys.destroy(&KeyName { tenant: tenant.clone(), run: Some(run) }).await.map_err(StoreError::from)
    }
}
