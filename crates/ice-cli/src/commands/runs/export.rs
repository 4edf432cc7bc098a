//! `ice runs export`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use futures::StreamExt;
use ice_core::id::RunId;
use ice_orchestrator::control::{Request, Response};
use serde::Serialize;

use super::{find, with_link};
use crate::data::{DataFolder, Link, LinkError, refused};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file::Fresh;
use crate::render::text;
use crate::shell::Shell;

/// Writes a run into one file: its blueprint, its journal and every value, as they are. Whoever has the file has the inputs,
/// prompts and outputs of the run, and secrets that were typed into them. With `--redacted` it is a copy to show to others.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The run
    id: String,
    /// The file, which must not exist; `-` is standard output [default: ID.icerun, or ID.redacted.jsonl]
    file: Option<PathBuf>,
    /// Write the run as the policy lets it be seen, for a report of a failure: lines of JSON, which cannot be imported
    #[arg(long)]
    redacted: bool,
}

#[derive(Serialize)]
struct Report {
    run: RunId,
    file: PathBuf,
    bytes: u64,
}

impl Export {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        if self.file.as_deref() == Some(Path::new("-")) {
            // What has been written is written: it is not tried again with another owner.
            shell.block_on(with_link(&folder, async |link| {
                let run = find(link, &self.id).await?;
                let mut out = io::stdout();
                let copied = copy(link, (run, self.redacted), |piece| {
                    Ok(out.write_all(piece).and_then(|()| out.flush())?)
                })
                .await;
                copied.map_err(|error| LinkError::Fault(error.into()))
            }))?;
            return Ok(Exit::Succeeded);
        }
        let report = shell.block_on(with_link(&folder, async |link| {
            let run = find(link, &self.id).await?;
            let path = self.file.clone().unwrap_or_else(|| PathBuf::from(self.name(run)));
            let mut fresh = Fresh::beside(&path)?;
            let bytes = copy(link, (run, self.redacted), |piece| fresh.add(piece)).await?;
            fresh.keep()?;
            Ok(Report { run, file: path, bytes })
        }))?;
        if shell.screen.json {
            shell.screen.document(&report)?;
        } else {
            shell.screen.line(report.file.display())?;
            shell.screen.note(format_args!("exported {} ({})", report.run, text::size(report.bytes)));
        }
        Ok(Exit::Succeeded)
    }

    fn name(&self, run: RunId) -> String {
        if self.redacted { format!("{run}.redacted.jsonl") } else { format!("{run}.icerun") }
    }
}

/// Copies the file of a run; gives its bytes.
async fn copy(
    link: &Link,
    (run, redacted): (RunId, bool),
    mut write: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<u64, LinkError> {
    let mut pieces = link.stream(Request::Export { run, redacted }).await?;
    let mut bytes = 0;
    while let Some(answer) = pieces.next().await {
        match answer? {
            Response::Piece { data } => {
                let piece = BASE64_STANDARD.decode(data).map_err(|_| LinkError::astray())?;
                write(&piece)?;
                bytes += piece.len() as u64;
            }
            Response::End => return Ok(bytes),
            Response::Refused(refusal) => return Err(refused(refusal).into()),
            Response::Info(_)
            | Response::Started { .. }
            | Response::Runs { .. }
            | Response::Run { .. }
            | Response::Replayed { .. }
            | Response::Migrated { .. }
            | Response::Received { .. }
            | Response::Kept { .. }
            | Response::Imported { .. }
            | Response::Schedules { .. }
            | Response::Budgets { .. }
            | Response::Pruned(_)
            | Response::Memory(_)
            | Response::Accepted { .. }
            | Response::Event { .. } => return Err(LinkError::astray()),
        }
    }
    Err(LinkError::Gone)
}
