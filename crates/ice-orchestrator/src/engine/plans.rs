//! Plans an engine has compiled of late.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::AHashSet;
use ice_core::id::Tenant;
use ice_core::value::BlobHash;

use crate::workflow::Plan;

/// Bytes of documents whose compiled plans are kept. A plan takes a few times as much.
const KEPT_BYTES: usize = 1 << 20;

/// What an engine knows of plans.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Those that are in the store.
    stored: AHashSet<(Tenant, BlobHash)>,
    /// Those of runs that left memory, the newest last: waking a run compiles nothing then.
    recent: VecDeque<Arc<Plan>>,
    bytes: usize,
}

impl Plans {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the plan is known to be in the store.
    pub(crate) fn is_stored(&self, tenant: &Tenant, hash: BlobHash) -> bool {
        self.lock().stored.contains(&(tenant.clone(), hash))
    }

    pub(crate) fn stored(&self, tenant: &Tenant, hash: BlobHash) {
        self.lock().stored.insert((tenant.clone(), hash));
    }

    /// Knows nothing of a plan any more.
    pub(crate) fn forget(&self, tenant: &Tenant, hash: BlobHash) {
        let mut inner = self.lock();
        inner.stored.remove(&(tenant.clone(), hash));
        while let Some(at) = inner.recent.iter().position(|plan| plan.hash == hash) {
            let size = inner.recent.remove(at).map_or(0, |plan| plan.document.len());
            inner.bytes = inner.bytes.saturating_sub(size);
        }
    }

    /// A compiled plan of late.
    pub(crate) fn recent(&self, hash: BlobHash) -> Option<Arc<Plan>> {
        self.lock().recent.iter().find(|plan| plan.hash == hash).cloned()
    }

    /// Keeps a plan for a while.
    pub(crate) fn keep(&self, plan: &Arc<Plan>) {
        let mut inner = self.lock();
        let size = plan.document.len();
        if size > KEPT_BYTES || inner.recent.iter().any(|known| known.hash == plan.hash) {
            return;
        }
        inner.bytes += size;
        inner.recent.push_back(Arc::clone(plan));
        while inner.bytes > KEPT_BYTES {
            let Some(oldest) = inner.recent.pop_front() else { return };
            inner.bytes = inner.bytes.saturating_sub(oldest.document.len());
        }
    }
}
