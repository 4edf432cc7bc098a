//! `ice runs migrate`.

use std::path::PathBuf;

use clap::Args;
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_orchestrator::control::{MigrateRequest, Request, Response};
use serde::Serialize;

use super::find;
use crate::data::{DataFolder, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::load;
use crate::render::text;
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::linger;

/// Moves a run that waits, is parked or was left to another blueprint, if everything it has done is the same over it; tells
/// the first thing that is not. What it has not come to may be different.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// The run
    id: String,
    /// The blueprint
    #[arg(long, value_name = "FILE")]
    blueprint: PathBuf,
    /// Only tell whether the run could be moved
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Report {
    run: RunId,
    records: u64,
    moved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
}

impl Migrate {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        let documents = load::documents(shell, &self.blueprint)?;
        let report = shell.block_on(async {
            let mut signals = Signals::listen()?;
            let link = access(&folder, Role::Run).await?;
            let answer = async {
                let run = find(&link, &self.id).await?;
                let request = MigrateRequest { run, documents, check: self.check };
                link.call(Request::Migrate(request)).await
            };
            let answer = answer.await;
            let closed = linger(shell, link, None, &mut signals).await;
            let answer = answer.map_err(|error| advised(error.into()))?;
            closed?;
            let Response::Migrated { run, records, record } = answer else {
                return Err(LinkError::astray().into());
            };
            Ok(Report { run, records, moved: record.is_some(), record })
        })?;
        if shell.screen.json {
            shell.screen.document(&report)?;
            return Ok(Exit::Succeeded);
        }
        let same = text::count(report.records, "record");
        let what = match (report.moved, self.check) {
            (true, _) => "the run is moved",
            (false, true) => "the run can be moved",
            (false, false) => "the run goes on over this blueprint already",
        };
        shell.screen.line(format_args!("{what}: {same} come out the same"))?;
        Ok(Exit::Succeeded)
    }
}

/// What to do about a run that cannot be moved.
fn advised(fault: Fault) -> Fault {
    if fault.code != ErrorCode::ReplayDiverged {
        return fault;
    }
    fault.help(
        "what a run has done stays as it was: leave that as it is in the blueprint, or begin another run at the node with \
         `ice runs fork ID --at NODE --blueprint FILE`",
    )
}
