//! `ice runs replay`.

use std::path::PathBuf;

use clap::Args;
use ice_core::error::ErrorCode;
use ice_orchestrator::control::{Parting, Request, Response};
use serde::Serialize;

use super::find;
use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::load;
use crate::render::text;
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::linger;

/// Goes through the journal of a run again: everything is decided anew, but for what tools, models and people gave. Tells
/// the first thing that comes out differently. Nothing is carried out.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The run
    id: String,
    /// A changed blueprint to compare the run with [default: the one the run is pinned to]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report<'r> {
    records: u64,
    same: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    divergence: Option<&'r Parting>,
}

impl Replay {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        let documents = match &self.file {
            Some(file) => load::documents(shell, file)?,
            None => Vec::new(),
        };
        let (records, divergence) = shell.block_on(async {
            let mut signals = Signals::listen()?;
            let link = access(&folder, Role::Run).await?;
            let replayed = replayed(&link, &self.id, documents).await;
            let closed = linger(shell, link, None, &mut signals).await;
            let replayed = replayed?;
            closed.map(|()| replayed)
        })?;
        if shell.screen.json {
            let same = divergence.is_none();
            shell.screen.document(&Report { records, same, divergence: divergence.as_ref() })?;
            return Ok(if same { Exit::Succeeded } else { Exit::Failed });
        }
        match divergence {
            None => {
                shell.screen.line(format_args!("{} come out the same", text::count(records, "record")))?;
                Ok(Exit::Succeeded)
            }
            Some(parting) => Err(Fault::new(ErrorCode::ReplayDiverged, parting.message)
                .help(format!("of what came before, {}, nothing differs", text::count(records, "record")))),
        }
    }
}

async fn replayed(
    link: &Link,
    id: &str,
    documents: Vec<ice_orchestrator::control::Document>,
) -> Result<(u64, Option<Parting>), LinkError> {
    let run = find(link, id).await?;
    let answer = link.call(Request::Replay { run, documents }).await?;
    if let Response::Replayed { records, divergence } = answer {
        Ok((records, divergence))
    } else {
        Err(LinkError::astray())
    }
}
