//! Replaying the journal of a run.

use std::sync::Arc;

use ice_core::id::{RunId, Tenant};

use super::start::check_inputs;
use super::{Engine, RunError};
use crate::journal::{Body, Outputs, Reader, RunHead, Views};
use crate::replay::{Divergence, Replay};
use crate::workflow::{Plan, compile_pinned};

/// What came of a replay.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// How many records were the same.
    pub records: u64,
    /// The first one that was not.
    pub divergence: Option<Divergence>,
}

impl Engine {
    /// Goes through a run's journal again and compares everything of ours that is decided, see [`crate::replay`]: over the
    /// plan the run is pinned to, or over another one. Nothing is carried out and nothing is written. What differs is told as it
    /// may be [seen](super::EngineBuilder::views).
    ///
    /// # Errors
    /// [`RunError::NotFound`]; [`RunError::Plan`] if the run's plan cannot be compiled here any more; [`RunError::Journal`]
    /// if the journal cannot be read.
    pub async fn replay(
        &self,
        tenant: &Tenant,
        run: RunId,
        plan: Option<&Arc<Plan>>,
    ) -> Result<Replayed, RunError> {
        let (head, _) = self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        let plan = match plan {
            Some(plan) => Arc::clone(plan),
            None => self.plan_of(tenant, &head).await?,
        };
        let mut reader =
            Reader::new(Arc::clone(&self.inner.store), Arc::clone(&self.inner.blobs), tenant, run);
        let mut replay = Replay::new(Arc::clone(&plan))
            .moved_at(head.migrated.unwrap_or_default())
            .inspected_by(Arc::clone(&self.inner.policy));
        let seen = |divergence| seen_divergence(&self.inner.views, divergence);
        let mut records = 0;
        loop {
            let page = reader.read().await?;
            if page.is_empty() {
                return Ok(Replayed { records, divergence: replay.finish().err().map(|end| seen(*end)) });
            }
            for numbered in page {
                if let Body::Manifest(manifest) = &numbered.record.body
                    && let Err(error) = check_inputs(&plan, &manifest.inputs)
                {
                    return Ok(Replayed {
                        records,
                        divergence: Some(seen(Divergence::of_inputs(&error.to_string()))),
                    });
                }
                if let Err(divergence) = replay.push(&numbered.record) {
                    return Ok(Replayed { records, divergence: Some(seen(*divergence)) });
                }
                records += 1;
                if records.is_multiple_of(TURN) {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// The plan a run is pinned to, compiled with what this engine has.
    pub(super) async fn plan_of(&self, tenant: &Tenant, head: &RunHead) -> Result<Arc<Plan>, RunError> {
        if let Some(plan) = self.inner.plans.recent(head.plan) {
            return Ok(plan);
        }
        let run = head.summary.id;
        let pinned = self.pinned(tenant, run, head).await?;
        compile_pinned(&pinned, &self.inner.registry)
            .map_err(|failure| RunError::Plan { run, failure: Box::new(failure) })
    }
}

/// Where a replay parts from its journal, as it may be seen.
pub(super) fn seen_divergence(views: &Views, divergence: Divergence) -> Divergence {
    if views.redactor().allows_everything() {
        return divergence;
    }
    let text = |text: &str| views.text(text).into_owned();
    divergence.seen(|body| views.body(body, Outputs::Redacted), text)
}

/// Records gone through before others get their turn.
const TURN: u64 = 128;
