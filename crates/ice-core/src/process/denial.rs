//! What an execution wanted and was not given.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of thing was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DenialKind {
    /// More than a limit allows.
    Limit,
    /// A system call.
    SystemCall,
    /// A connection.
    Network,
    /// A file or host that was not granted.
    Grant,
}

impl DenialKind {
    /// The name on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::SystemCall => "system_call",
            Self::Network => "network",
            Self::Grant => "grant",
        }
    }
}

/// Something that an execution wanted and was not given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Denial {
    /// What kind of thing.
    pub kind: DenialKind,
    /// What, in words: the limit, the endpoint.
    pub what: String,
}

impl Denial {
    /// A denial.
    #[must_use]
    pub fn new(kind: DenialKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}
