//! `ice memory import`.

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use ice_core::time::{IdSource, SystemIds};
use ice_orchestrator::control::{ImportPiece, MemoryRequest, MemoryResponse, Request, Response};
use serde::Serialize;

use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::render::text;
use crate::shell::Shell;

/// Bytes that are sent at a time.
const PIECE: u64 = 1 << 20;

/// Takes in what `ice memory export` wrote. Entries keep their ids: what is there already is passed over, so that an import
/// that was stopped may be done again.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file; `-` is standard input
    file: PathBuf,
}

#[derive(Serialize)]
struct Report {
    added: u64,
    skipped: u64,
}

impl Import {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let source = file::reader(&self.file)?;
        let report = shell.block_on(async {
            let link = access(&folder, Role::Glance).await?;
            let imported = import(&link, &self.file, source).await;
            let closed = link.close().await;
            let imported = imported.map_err(Fault::from)?;
            closed.map(|()| imported)
        })?;
        if shell.screen.json {
            shell.screen.document(&report)?;
        } else {
            let passed = match report.skipped {
                0 => String::new(),
                skipped => format!("; {} were there, or have ended", text::number(skipped)),
            };
            shell.screen.line(format_args!("imported {} entries{passed}", text::number(report.added)))?;
        }
        Ok(Exit::Succeeded)
    }
}

/// Sends a file piece by piece.
async fn import(link: &Link, name: &Path, mut source: Box<dyn Read + Send>) -> Result<Report, LinkError> {
    let (upload, mut offset) = (SystemIds.uuid(), 0);
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::new();
            let read = (&mut source).take(PIECE).read_to_end(&mut piece);
            read.map(|_| (source, piece))
        });
        let read = read.await.map_err(|_| Fault::usage("the import was stopped: do it again"))?;
        let (back, piece) = read.map_err(|error| Fault::file("read", name, &error))?;
        source = back;
        let last = (piece.len() as u64) < PIECE;
        let data = BASE64_STANDARD.encode(&piece);
        let request = MemoryRequest::Import(ImportPiece { upload, offset, data, last });
        let answer = link.call(Request::Memory(request)).await?;
        if let Response::Memory(MemoryResponse::Imported { added, skipped }) = answer {
            return Ok(Report { added, skipped });
        }
        let Response::Received { bytes } = answer else { return Err(LinkError::astray()) };
        offset = bytes;
    }
}
