//! `ice runs`: what there is of runs, and what can be done with them.

mod answer;
mod cancel;
mod command;
mod diff;
mod events;
mod export;
mod fork;
mod import;
mod list;
mod lookup;
mod migrate;
mod prune;
mod replay;
mod resume;
mod show;

use ice_orchestrator::journal::RunStatus;

pub(crate) use command::Runs;
pub(crate) use lookup::{find, with_link};

/// What is said of runs that have not ended while nobody owns the data folder.
const LEFT: &str =
    "nobody drives the runs that have not ended: `ice runs resume ID` takes one up, `ice worker` all";

/// Whether a run is one of those, if nobody owns the data folder.
const fn is_left(status: RunStatus) -> bool {
    match status {
        RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => true,
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled | RunStatus::Parked => false,
    }
}
