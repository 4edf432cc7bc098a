//! The handle of a run: a thin wrapper; whatever it does, any process that reaches the store can do too.

use std::sync::Arc;

use ice_core::id::{Principal, RunId, Tenant};
use ice_core::llm::Usage;
use ice_core::value::Value;

use super::run::RunShared;
use super::{Engine, RunError, TransientRead};
use crate::journal::{Failure, NodeFailure, Outputs, RunDocument, RunStatus, Views};
use crate::workflow::runtime::State;

/// How the task of a run ended: the run is final or parked.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// The run.
    pub id: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// Top-level node id to output, skipped and failed nodes left out.
    pub output: Value,
    /// Why it failed or is parked.
    pub failure: Option<Failure>,
    /// The nodes that failed for good, the first 100.
    pub failures: Vec<NodeFailure>,
    /// Tokens spent.
    pub usage: Usage,
}

impl RunEnd {
    /// The same with failures as they may be seen.
    pub(super) fn seen(mut self, views: &Views) -> Self {
        self.failure = self.failure.map(|failure| views.failure(failure));
        for failed in &mut self.failures {
            failed.failure = views.failure(failed.failure.clone());
        }
        if views.outputs() == Outputs::Redacted {
            self.output = views.value(self.output);
        }
        self
    }

    /// The end of a run that was driven here.
    pub(super) fn of(state: &State) -> Self {
        Self {
            id: state.manifest().run,
            status: state.status(),
            output: state.output(),
            failure: state.failure().cloned(),
            failures: state.failures().to_vec(),
            usage: state.usage(),
        }
    }
}

impl From<RunDocument> for RunEnd {
    fn from(document: RunDocument) -> Self {
        Self {
            id: document.id,
            status: document.status,
            output: document.output,
            failure: document.failure,
            failures: document.failures,
            usage: document.usage,
        }
    }
}

/// The handle of a run that this engine drives. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct RunHandle {
    pub(super) shared: Arc<RunShared>,
}

impl RunHandle {
    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.shared.run
    }

    /// The run's owner.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.shared.tenant
    }

    /// Waits until the run is final or parked, and that is durable. Cancel-safe.
    ///
    /// # Errors
    /// [`RunError`] if the engine lost the run, closed, or its store failed.
    pub async fn wait(&self) -> Result<Arc<RunEnd>, RunError> {
        self.shared.progress.wait_for(|progress| progress.end.clone()).await
    }

    /// How the run ended or was parked, if that is known already.
    #[must_use]
    pub fn end(&self) -> Option<Arc<RunEnd>> {
        self.shared.progress.read(|progress| progress.end.clone()?.ok())
    }

    /// Asks for the run to be cancelled. Durable once it returns; the run ends soon after.
    ///
    /// # Errors
    /// [`RunError::State`] if the run has ended.
    pub async fn cancel(&self, by: &Principal, reason: Option<String>) -> Result<(), RunError> {
        Engine::of(&self.shared.engine).cancel(&self.shared.tenant, self.shared.run, by, reason).await
    }

    /// Ticks with every transient event.
    pub(crate) fn watch_transient(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.transient.watch()
    }

    /// The transient events from number `from` on, without waiting.
    #[must_use]
    pub fn transient(&self, from: u64) -> TransientRead {
        self.shared.transient.read(from)
    }
}
