//! The port: what every memory of sessions does.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::id::Tenant;

/// Whose exchanges are remembered together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session {
    /// The tenant: nothing is remembered across tenants.
    pub tenant: Tenant,
    /// The id of the blueprint.
    pub workflow: String,
    /// The session, as the inputs of the run name it; empty if they name none.
    pub name: String,
}

/// What a model was asked and said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What it was asked.
    pub asked: String,
    /// What it said.
    pub said: String,
}

/// Why something cannot be remembered or recalled now; trying again may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the memory of sessions cannot be reached: {0}")]
pub struct SessionError(pub String);

/// Remembers the exchanges of sessions.
#[async_trait]
pub trait SessionMemory: Send + Sync + fmt::Debug {
    /// The last exchanges of a session, at most so many, the oldest first. Cancel-safe.
    ///
    /// # Errors
    /// [`SessionError`] if the memory cannot be reached.
    async fn recall(&self, session: &Session, last: usize) -> Result<Vec<Exchange>, SessionError>;

    /// Adds an exchange to a session. The same key adds nothing a second time: after a crash a call is made again.
    ///
    /// # Errors
    /// [`SessionError`] if the memory cannot be reached.
    async fn append(&self, session: &Session, exchange: &Exchange, key: &str) -> Result<(), SessionError>;
}
