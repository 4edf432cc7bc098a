//! What nodes that are aware of memory recall and add: the exchanges of their session, and what fits best in the scopes that
//! their run was granted.

use ice_core::error::ErrorCode;
use ice_core::llm::tokens;
use ice_core::memory::{Entry, Exchange, MemoryError, MemorySearch, Scope, Session, SessionError};
use ice_core::path::NodePath;
use ice_core::process::ScopeAccess;
use ice_core::tools::Grants;
use ice_core::value::Value;
use tracing::Instrument;

use super::run::RunShared;
use crate::executors::{Completion, StepContext};
use crate::journal::Failure;
use crate::telemetry::MemoryStep;

/// The most entries that a node is told.
const TOLD: usize = 8;
/// The most tokens of them together, as they are estimated.
const TOLD_TOKENS: u64 = 1_500;
/// The most characters of one of them.
const TOLD_CHARACTERS: usize = 2_000;

impl RunShared {
    /// Does what a request to the memory says: recalls, or adds an exchange.
    pub(super) async fn remember(
        &self,
        ctx: &StepContext,
        address: &NodePath,
        request: &Value,
    ) -> Result<Completion, Failure> {
        let session = self.session(request.get("session").and_then(Value::as_str).unwrap_or_default());
        let done = async {
            if let Some(exchange) = request.get("exchange") {
                let exchange: Exchange = exchange.to().map_err(broken)?;
                self.add(&session, &exchange, address).await?;
                return Ok(Value::Null);
            }
            let last = request.get("last").and_then(Value::as_u64).unwrap_or_default();
            let last = usize::try_from(last).unwrap_or(usize::MAX);
            let exchanges = match &self.engine.sessions {
                Some(own) => own.recall(&session, last).await.map_err(failed)?,
                None => self.engine.memory(&self.tenant).await?.exchanges(&session, last).await?,
            };
            let exchanges = Value::from_serialize(&exchanges).map_err(broken)?;
            let asked = request.get("query").and_then(Value::as_str).unwrap_or_default();
            let entries = self.fitting(asked).await?;
            if entries.is_empty() {
                return Ok(exchanges);
            }
            Ok(Value::map([("exchanges", exchanges), ("entries", Value::list(entries))]))
        };
        let what = if request.get("exchange").is_some() { "remember" } else { "recall" };
        let step = MemoryStep::begin(self.run, address, what);
        let ended = tokio::select! {
            done = done.instrument(step.span()) => done.map(Completion::from),
            () = ctx.cancel.cancelled() => {
                Err(Failure::new(ErrorCode::RunCancelled, "the memory was not waited for"))
            }
        };
        ended.inspect_err(|failure| step.failed(failure.code))
    }

    /// A session of the run's workflow.
    pub(super) fn session(&self, name: &str) -> Session {
        Session {
            tenant: self.tenant.clone(),
            workflow: self.plan.blueprint.blueprint_id.to_string(),
            name: name.to_owned(),
        }
    }

    async fn add(&self, session: &Session, exchange: &Exchange, address: &NodePath) -> Result<(), Failure> {
        let key = format!("{}/{address}", self.run);
        match &self.engine.sessions {
            Some(own) => {
                let seen = |text: &str| self.engine.kept.text(text).into_owned();
                let exchange = Exchange { asked: seen(&exchange.asked), said: seen(&exchange.said) };
                own.append(session, &exchange, &key).await.map_err(failed)
            }
            None => {
                let memory = self.engine.memory(&self.tenant).await?;
                memory.add_exchange(session, exchange, (self.run, address), &key).await?;
                Ok(())
            }
        }
    }

    /// What fits best of what the run may read, as it is told: each with its source, and together bounded in tokens.
    async fn fitting(&self, asked: &str) -> Result<Vec<Value>, Failure> {
        let scopes = granted(&self.grants, ScopeAccess::Read);
        let scopes: Vec<Scope> = scopes.into_iter().filter(|scope| *scope != Scope::of_sessions()).collect();
        if scopes.is_empty() || asked.trim().is_empty() {
            return Ok(Vec::new());
        }
        let memory = self.engine.memory(&self.tenant).await?;
        let hits = memory.search(&MemorySearch { limit: TOLD, ..MemorySearch::new(asked, scopes) }).await?;
        let mut left = TOLD_TOKENS;
        let mut told = Vec::new();
        for hit in &hits {
            let entry = told_as(&hit.entry);
            let Some(rest) = left.checked_sub(tokens::estimate_text(&entry.to_string())) else { continue };
            left = rest;
            told.push(entry);
        }
        Ok(told)
    }
}

/// The scopes of a run with which this may be done, each once.
pub(super) fn granted(grants: &Grants, access: ScopeAccess) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = Vec::new();
    for grant in grants.memory.iter().filter(|grant| access <= grant.access) {
        if let Ok(scope) = Scope::new(&grant.scope)
            && !scopes.contains(&scope)
        {
            scopes.push(scope);
        }
    }
    scopes
}

/// An entry as a model is told it.
fn told_as(entry: &Entry) -> Value {
    let text: String = entry.text().chars().take(TOLD_CHARACTERS).collect();
    let source = match (entry.source.run, &entry.source.node) {
        (Some(run), Some(node)) => format!("{}: run {run}, node {node}", entry.source.source),
        (Some(run), None) => format!("{}: run {run}", entry.source.source),
        (None, _) => entry.source.source.clone(),
    };
    Value::map([
        ("scope", Value::from(entry.scope.as_str())),
        ("kind", Value::from(entry.kind().name())),
        ("key", Value::from(entry.key.as_str())),
        ("learned", Value::from(entry.learned.to_string())),
        ("source", Value::from(source)),
        ("text", Value::from(text)),
    ])
}

fn broken(error: serde_json::Error) -> Failure {
    Failure::new(ErrorCode::RunStuck, format!("a request to the memory cannot be read: {error}"))
}

fn failed(error: SessionError) -> Failure {
    Failure::passing(ErrorCode::StoreUnavailable, error.to_string())
}

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Self {
        let code = error.code();
        match error {
            MemoryError::Conflict { .. } | MemoryError::Closed | MemoryError::Store(_) => {
                Self::passing(code, error.to_string())
            }
            MemoryError::Invalid { .. }
            | MemoryError::Guarantee { .. }
            | MemoryError::Budget { .. }
            | MemoryError::TakenBack { .. }
            | MemoryError::NotFound { .. }
            | MemoryError::Disabled(_)
            | MemoryError::Index { .. } => Self::new(code, error.to_string()),
        }
    }
}
