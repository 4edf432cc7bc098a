//! The port of whoever keeps keys.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{NoRandomness, SealingKey};
use crate::error::ErrorCode;
use crate::id::{RunId, Tenant};

/// Whose key it is: that of a tenant, or of one of its runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName {
    /// The tenant.
    pub tenant: Tenant,
    /// The run, if the key is only for that.
    pub run: Option<RunId>,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.run {
            Some(run) => write!(f, "the run {run} of the tenant {}", self.tenant),
            None => write!(f, "the tenant {}", self.tenant),
        }
    }
}

/// Why there is no key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// None was made yet: make one.
    #[error("there is no key of {name}")]
    Missing {
        /// Whose.
        name: KeyName,
    },
    /// It was destroyed, and what is sealed under it is gone for ever. No other one is made in its place.
    #[error(
        "the key of {name} was destroyed: what was sealed under it is erased, and nothing more is written there"
    )]
    Destroyed {
        /// Whose.
        name: KeyName,
    },
    /// Whoever keeps the keys cannot be reached now: try again.
    #[error("the keys cannot be had: {what}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// The cause.
        #[source]
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// The keys are kept under another master key: give that one.
    #[error(
        "the key of {name} cannot be unwrapped: the master key is another one, or what is kept was altered"
    )]
    Refused {
        /// Whose.
        name: KeyName,
    },
}

impl KeyError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } | Self::Unavailable { .. } | Self::Refused { .. } => {
                ErrorCode::KeyUnavailable
            }
            Self::Destroyed { .. } => ErrorCode::KeyDestroyed,
        }
    }
}

impl From<NoRandomness> for KeyError {
    fn from(error: NoRandomness) -> Self {
        Self::Unavailable { what: "making a key".to_owned(), source: Some(Arc::new(error)) }
    }
}

/// Keeps keys by name. A key that was destroyed never comes back, and no other one takes its name.
///
/// All methods are cancel-safe; a `create` or `destroy` that was dropped may or may not have happened.
#[async_trait]
pub trait KeyProvider: Send + Sync + fmt::Debug {
    /// The key of a name.
    ///
    /// # Errors
    /// [`KeyError`]: none was made, it was destroyed, or it cannot be had.
    async fn key(&self, name: &KeyName) -> Result<SealingKey, KeyError>;

    /// The key of a name, made and durable if there was none.
    ///
    /// # Errors
    /// [`KeyError::Destroyed`] if there was one, or another [`KeyError`] if it cannot be had.
    async fn create(&self, name: &KeyName) -> Result<SealingKey, KeyError>;

    /// Destroys the key of a name, durably; whether or not there was one, there never will be. What was sealed under it cannot be
    /// opened by anybody from then on, but by who has a copy of what the keys were kept in.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be done.
    async fn destroy(&self, name: &KeyName) -> Result<(), KeyError>;
}
