//! What a call does to the world, which decides how it is journaled and recovered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a call does to the world, from harmless to final.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Depends on its input alone and changes nothing. Repeated freely.
    Pure,
    /// Repeating it with the same idempotency key has no further effect. Repeated after a crash.
    Idempotent,
    /// Can be undone by a compensating call. After a crash its outcome must be asked for.
    Compensable,
    /// Cannot be undone. After a crash it is in doubt until a person decides. What undeclared tools are.
    #[default]
    Irreversible,
}

impl Effect {
    /// Whether the intent must be durable before the call starts.
    #[must_use]
    pub const fn needs_barrier(self) -> bool {
        match self {
            Self::Pure => false,
            Self::Idempotent | Self::Compensable | Self::Irreversible => true,
        }
    }

    /// Whether a call whose outcome is unknown may simply be made again.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        match self {
            Self::Pure | Self::Idempotent => true,
            Self::Compensable | Self::Irreversible => false,
        }
    }
}
