//! The head of a run: the one key that every append expects and changes.

use ice_core::id::{BlueprintId, Principal, RunId};
use ice_core::time::Moment;
use ice_core::value::BlobHash;
use ice_core::value::json::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, RunStatus};

/// The head of a run. Whoever appends expects its version, so that a second writer loses whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunHead {
    /// The version of the records.
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) summary: RunSummary,
    /// The number of the next record.
    pub(crate) next: u64,
    /// The engine that drives the run.
    pub(crate) owner: String,
    /// The epoch of its ownership.
    pub(crate) epoch: u64,
    /// The plan the run is bound to.
    pub(crate) plan: BlobHash,
    /// The key under which the run's next timer stands, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timer: Option<Moment>,
    /// The number of the record with which the run was moved to its plan, if it was started over another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) migrated: Option<u64>,
    /// How the run came here, if it was started elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) imported: Option<Imported>,
}

/// How a run came into a store in which it was not started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// When.
    pub at: Moment,
    /// Who brought it.
    pub by: Principal,
    /// How many records it had.
    pub records: u64,
}

impl RunHead {
    /// The head as JSON, as serde would write it: every commit of a run writes it.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self { version, summary, next, owner, epoch, plan, timer, migrated, imported } = self;
        let RunSummary { id, status, blueprint_id, name, by, started_at, updated_at, failure } = summary;
        let mut out = Vec::with_capacity(512);
        let mut head = Object::open(&mut out);
        head.whole("version", *version)
            .uuid("id", id.uuid())
            .plain("status", status.as_str())
            .text("blueprint_id", blueprint_id.as_str())?
            .text("name", name)?
            .text("by", by.as_str())?
            .any("started_at", started_at)?
            .any("updated_at", updated_at)?;
        if let Some(failure) = failure {
            head.any("failure", failure)?;
        }
        head.whole("next", *next).text("owner", owner)?.whole("epoch", *epoch).hash("plan", plan);
        if let Some(timer) = timer {
            head.any("timer", timer)?;
        }
        if let Some(migrated) = migrated {
            head.whole("migrated", *migrated);
        }
        if let Some(imported) = imported {
            head.any("imported", imported)?;
        }
        head.close();
        Ok(out)
    }
}

/// A run in a line: what lists show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// The run.
    #[schemars(with = "String")]
    pub id: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// The blueprint's id.
    pub blueprint_id: BlueprintId,
    /// The blueprint's display name.
    pub name: String,
    /// Who started it.
    pub by: Principal,
    /// When it was accepted.
    pub started_at: Moment,
    /// When its newest record was written.
    pub updated_at: Moment,
    /// Why it failed or is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}
