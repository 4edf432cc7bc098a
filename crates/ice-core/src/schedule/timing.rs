//! A schedule as a whole: its times, and what becomes of those that were missed or come too soon.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cron, Zone};

/// When something is started, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// The times.
    pub cron: Cron,
    /// The time zone whose clock shows them; UTC if absent.
    #[serde(default)]
    pub time_zone: Zone,
    /// What becomes of times that passed while nobody looked at the clock; `latest` if absent.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// What becomes of a time at which the run before is still under way; `skip` if absent.
    #[serde(default)]
    pub overlap: Overlap,
}

/// What becomes of times that passed while nobody looked at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are passed over.
    Skip,
    /// The latest one is made up for, whatever the number of the others: what is done every night is done once after a
    /// night off, and nothing piles up.
    #[default]
    Latest,
    /// Each is made up for, the oldest first.
    All,
}

/// What becomes of a time at which the run before is still under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is passed over.
    #[default]
    Skip,
    /// It waits until that run has ended; at most 100 wait.
    Queue,
    /// Both go on side by side.
    Allow,
}

impl CatchUp {
    /// The name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Latest => "latest",
            Self::All => "all",
        }
    }
}

impl Overlap {
    /// The name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Allow => "allow",
        }
    }
}
