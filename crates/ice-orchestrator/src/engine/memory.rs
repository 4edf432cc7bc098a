//! Recalling and adding to what is remembered of sessions.

use ice_core::error::ErrorCode;
use ice_core::memory::{Exchange, Session, SessionError};
use ice_core::path::NodePath;
use ice_core::value::Value;

use super::run::RunShared;
use crate::executors::{Completion, StepContext};
use crate::journal::Failure;

impl RunShared {
    /// Does what a request to the memory says: gives the last exchanges of a session, or adds one.
    pub(super) async fn remember(
        &self,
        ctx: &StepContext,
        address: &NodePath,
        request: &Value,
    ) -> Result<Completion, Failure> {
        let broken = |error: serde_json::Error| {
            Failure::new(ErrorCode::RunStuck, format!("a request to the memory cannot be read: {error}"))
        };
        let session = Session {
            tenant: self.tenant.clone(),
            workflow: self.plan.blueprint.blueprint_id.to_string(),
            name: request.get("session").and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        let memory = &self.engine.memory;
        let done = async {
            if let Some(exchange) = request.get("exchange") {
                let exchange: Exchange = exchange.to().map_err(broken)?;
                memory
                    .append(&session, &exchange, &format!("{}/{address}", self.run))
                    .await
                    .map_err(failed)?;
                return Ok(Value::Null);
            }
            let last = request.get("last").and_then(Value::as_u64).unwrap_or_default();
            let last = usize::try_from(last).unwrap_or(usize::MAX);
            let found = memory.recall(&session, last).await.map_err(failed)?;
            Value::from_serialize(&found).map_err(broken)
        };
        tokio::select! {
            done = done => done.map(Completion::from),
            () = ctx.cancel.cancelled() => {
                Err(Failure::new(ErrorCode::RunCancelled, "the memory was not waited for"))
            }
        }
    }
}

fn failed(error: SessionError) -> Failure {
    Failure::passing(ErrorCode::StoreUnavailable, error.to_string())
}
