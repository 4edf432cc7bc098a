//! `ice runs import`.

use std::io::Read;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use ice_core::id::RunId;
use ice_core::time::{IdSource, SystemIds};
use ice_orchestrator::control::{ImportPiece, Request, Response};
use ice_orchestrator::journal::{RunDocument, RunStatus};
use serde::Serialize;

use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::render::text;
use crate::screen::{YELLOW, styled};
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::linger;

/// Bytes that are sent at a time.
const PIECE: u64 = 1 << 20;

/// Brings a run here that was exported. One that has ended is as it was; another is parked until `ice runs resume` goes on
/// with it.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file; `-` is standard input
    file: PathBuf,
}

#[derive(Serialize)]
struct Report {
    run: RunId,
    status: RunStatus,
    was_here: bool,
}

impl Import {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let source = file::reader(&self.file)?;
        let (report, document) = shell.block_on(async {
            let mut signals = Signals::listen()?;
            let link = access(&folder, Role::Run).await?;
            let imported = tokio::select! {
                imported = import(&link, &self.file, source) => imported,
                _ = signals.next() => {
                    link.close().await?;
                    return Err(Fault::usage("nothing was imported: it was stopped").exit(Exit::Cancelled));
                }
            };
            let closed = linger(shell, link, None, &mut signals).await;
            let imported = imported.map_err(Fault::from)?;
            closed.map(|()| imported)
        })?;
        if shell.screen.json {
            shell.screen.document(&report)?;
            return Ok(Exit::Succeeded);
        }
        shell.screen.line(report.run)?;
        if report.was_here {
            shell.screen.note(format_args!("the run was here already, just so: it is {}", report.status));
        } else if document.status.is_final() {
            shell.screen.note(format_args!("imported {}: {}", document.name, report.status));
        } else {
            tell_parked(shell, &document);
        }
        Ok(Exit::Succeeded)
    }
}

/// Says what becomes of a run that has not ended, and what it may do then.
fn tell_parked(shell: &Shell, document: &RunDocument) {
    let run = document.id;
    shell.screen.note(format_args!(
        "imported {}: it has not ended, and is parked until `ice runs resume {run}` goes on with it",
        document.name
    ));
    let granted = &document.options.grants;
    if *granted != ice_core::tools::Grants::default() {
        let granted = serde_json::to_string(granted).unwrap_or_default();
        shell.screen.note(format_args!("  it was granted {}", text::line(&granted, 1_000)));
    }
    shell.screen.note(format_args!(
        "  {} should it go on elsewhere as well, what it does to the world is done twice",
        styled(YELLOW, "warning:")
    ));
}

type Source = Box<dyn Read + Send>;

/// Sends a file piece by piece.
async fn import(
    link: &Link,
    name: &std::path::Path,
    mut source: Source,
) -> Result<(Report, RunDocument), LinkError> {
    let (upload, mut offset) = (SystemIds.uuid(), 0);
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::new();
            let read = (&mut source).take(PIECE).read_to_end(&mut piece);
            read.map(|_| (source, piece))
        });
        let read = read.await.map_err(|_| Fault::usage("nothing was imported: it was stopped"))?;
        let (back, piece) = read.map_err(|error| Fault::file("read", name, &error))?;
        source = back;
        let last = (piece.len() as u64) < PIECE;
        let data = BASE64_STANDARD.encode(&piece);
        match link.call(Request::Import(ImportPiece { upload, offset, data, last })).await? {
            Response::Received { bytes } => offset = bytes,
            Response::Imported { run, status, was_here } => {
                let document = link.show(run).await?;
                return Ok((Report { run, status, was_here }, *document));
            }
            Response::Info(_)
            | Response::Started { .. }
            | Response::Runs { .. }
            | Response::Run { .. }
            | Response::Replayed { .. }
            | Response::Migrated { .. }
            | Response::Piece { .. }
            | Response::Kept { .. }
            | Response::Schedules { .. }
            | Response::Budgets { .. }
            | Response::Pruned(_)
            | Response::Erased(_)
            | Response::Memory(_)
            | Response::Accepted { .. }
            | Response::Event { .. }
            | Response::End
            | Response::Refused(_) => return Err(LinkError::astray()),
        }
    }
}
