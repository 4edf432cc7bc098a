//! Secrets by reference: what a secret is called by those who keep it, never what it is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a secret is called by those who keep it, such as `env:API_TOKEN`. It says nothing of what the secret is, so that it
/// may stand in journals and be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretRef(String);

impl SecretRef {
    /// A reference, in whatever form those who keep the secret understand.
    #[must_use]
    pub fn new(reference: impl Into<String>) -> Self {
        Self(reference.into())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a program is given a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretDelivery {
    /// In a file in memory that only it can read, whose path stands in the variable `NAME_FILE`.
    #[default]
    File,
    /// In the variable `NAME`. Programs that it starts inherit that, and some tell it when they fail.
    Variable,
}

/// A secret that a program is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenSecret {
    /// What it is called by those who keep it.
    pub reference: SecretRef,
    /// How it is given.
    #[serde(default)]
    pub delivery: SecretDelivery,
}
