//! How registering fails.

use crate::error::ErrorCode;

/// Something could not be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Something else holds the key: choose another name or version, or remove the other one first.
    #[error(
        "another {what} is already registered as `{key}`: use another name or version, or remove it first"
    )]
    Conflict {
        /// The kind of thing, for example `tool`.
        what: &'static str,
        /// The name, with `@version` for things that have one.
        key: String,
    },
    /// The name does not follow the rule of its kind: rename it.
    #[error("`{name}` is not a valid name for {what}: {rule}")]
    InvalidName {
        /// The kind of thing, for example `tool`.
        what: &'static str,
        /// The name, cut at 80 characters.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

impl RegistryError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Conflict { .. } => ErrorCode::RegistryConflict,
            Self::InvalidName { .. } => ErrorCode::InvalidId,
        }
    }
}
