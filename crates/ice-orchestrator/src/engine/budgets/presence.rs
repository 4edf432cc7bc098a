//! Whether a tenant has shared budgets at all: most have none, and their runs need not look for them.

use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;
use futures::StreamExt;
use ice_core::id::Tenant;
use ice_core::store::{ChangeKind, Watch, WatchEvent};

use crate::engine::RunError;
use crate::engine::engine::Inner;
use crate::journal::keys;

/// What is known of tenants.
#[derive(Debug, Default)]
pub(in crate::engine) struct Presence(Mutex<AHashMap<Tenant, bool>>);

impl Presence {
    fn of(&self, tenant: &Tenant) -> Option<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).copied()
    }

    /// Learns something. That there are some is not forgotten.
    pub(super) fn learn(&self, tenant: &Tenant, any: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant.clone()).or_default() |= any;
    }
}

impl Inner {
    /// Whether a tenant is known to have no shared budgets.
    pub(in crate::engine) fn is_without_budgets(&self, tenant: &Tenant) -> bool {
        self.presence.of(tenant) == Some(false)
    }

    /// Whether a tenant has shared budgets, or had some. What another engine sets is seen a moment later.
    pub(in crate::engine) async fn has_budgets(self: &Arc<Self>, tenant: &Tenant) -> Result<bool, RunError> {
        if let Some(known) = self.presence.of(tenant) {
            return Ok(known);
        }
        let prefix = keys::budgets(tenant);
        // Watched before it is looked, so that nothing comes between.
        let changes = self.store.watch(&prefix, None);
        let any = !self.store.scan(&prefix, None, 1).await?.is_empty();
        self.presence.learn(tenant, any);
        if !any {
            self.tasks.spawn(Arc::clone(self).watch_budgets(tenant.clone(), changes));
        }
        Ok(any)
    }

    /// Waits for the first budget of a tenant.
    async fn watch_budgets(self: Arc<Self>, tenant: Tenant, mut changes: Watch) {
        loop {
            let event = tokio::select! {
                () = self.closing.begun() => return,
                event = changes.next() => event,
            };
            match event {
                Some(WatchEvent::Changed(change)) if change.kind == ChangeKind::Delete => {}
                Some(WatchEvent::Changed(_) | WatchEvent::Gap { .. }) => {
                    return self.presence.learn(&tenant, true);
                }
                None => return,
            }
        }
    }
}
