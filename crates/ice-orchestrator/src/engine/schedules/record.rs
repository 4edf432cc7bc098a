//! A schedule as it stands in the store, and as others are shown it.

use ice_core::id::{Principal, RunId};
use ice_core::schedule::Timing;
use ice_core::time::Moment;
use ice_core::value::{BlobHash, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::journal::{Failure, RunOptions};

/// The most times of one schedule that wait for the run before them.
pub(super) const MAX_QUEUED: usize = 100;

/// A schedule: what is started, when, and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The plan of its runs, kept in the store.
    pub plan: BlobHash,
    /// Their inputs; `scheduled_for`, the time that is due, is added.
    pub inputs: Value,
    /// Their options, but for the idempotency key.
    pub options: RunOptions,
    /// Who asked for it.
    pub by: Principal,
    /// What everybody may see.
    #[serde(flatten)]
    pub shown: ScheduleDocument,
}

/// A schedule as others are shown it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleDocument {
    /// The network.
    pub network: String,
    /// The entry that has the schedule.
    pub entry: String,
    /// When it is started, and what becomes of times that were missed or come too soon.
    pub timing: Timing,
    /// Whether nothing is started for now. Times that pass meanwhile count as missed.
    #[serde(default)]
    pub paused: bool,
    /// The next time; nothing if none comes any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Moment>,
    /// The times that wait for the run before them to end, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queued: Vec<Moment>,
    /// The last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Last>,
    /// How many runs were started.
    #[serde(default)]
    pub started: u64,
    /// How often a time was passed over because the run before was still under way.
    #[serde(default)]
    pub skipped: u64,
    /// How often it was found that times had been missed which are not made up for.
    #[serde(default)]
    pub missed: u64,
    /// Why the last time that came could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Failure>,
}

/// A run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Last {
    /// The time it was started for.
    pub due: Moment,
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
}

impl Schedule {
    /// The key that makes sure that one run is started for a time.
    pub(super) fn idempotency_key(&self, due: Moment) -> String {
        format!("schedule/{}/{}/{due}", self.shown.network, self.shown.entry)
    }
}
