//! What is wrong with a schema, and where a value departs from one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;

/// A schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It breaks the rules of JSON Schema, or of the simple form.
    #[error("the schema is not valid at {}: {message}", place(path))]
    Invalid {
        /// The JSON Pointer of the offending place within the schema; empty for the whole.
        path: String,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// It exceeds a bound.
    #[error("the schema is too large: {message}")]
    TooLarge {
        /// Which bound, and what it is.
        message: String,
    },
}

impl SchemaError {
    pub(super) fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), message: message.into() }
    }

    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } | Self::TooLarge { .. } => ErrorCode::InvalidSchema,
        }
    }
}

/// One place at which a value departs from a schema. Names no part of the value but its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaViolation {
    /// The JSON Pointer of the place within the value, for example `/rows/0/name`; empty for the whole.
    pub path: String,
    /// What is wrong there, for example `the string is not of type "integer"`.
    pub message: String,
}

impl SchemaViolation {
    /// All violations in one line, for an error message.
    #[must_use]
    pub fn join(violations: &[Self]) -> String {
        violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for SchemaViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", place(&self.path), self.message)
    }
}

fn place(path: &str) -> &str {
    if path.is_empty() { "the top" } else { path }
}
