//! `ice memory export`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use futures::StreamExt;
use ice_core::memory::{Kind, Scope};
use ice_orchestrator::control::{MemoryRequest, Request, Response};
use serde::Serialize;

use super::with_link;
use crate::data::{DataFolder, Link, LinkError, refused};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file::Fresh;
use crate::render::text;
use crate::shell::Shell;

/// Writes memory out as lines of JSON: a header, then an entry a line, as `ice memory import` takes it in. Personal data is in
/// it as it was remembered.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The file, which must not exist; `-` is standard output [default: -]
    file: Option<PathBuf>,
    /// Only this scope
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,
    /// Only this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// With what is superseded or forgotten
    #[arg(long)]
    past: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    file: &'a Path,
    bytes: u64,
}

impl Export {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        let Some(file) = self.file.as_deref().filter(|file| *file != Path::new("-")) else {
            // What has been written is written: it is not tried again with another owner.
            shell.block_on(with_link(&folder, async |link| {
                let mut out = io::stdout();
                let copied =
                    self.copy(link, |piece| Ok(out.write_all(piece).and_then(|()| out.flush())?)).await;
                copied.map_err(|error| LinkError::Fault(error.into()))
            }))?;
            return Ok(Exit::Succeeded);
        };
        let bytes = shell.block_on(with_link(&folder, async |link| {
            let mut fresh = Fresh::beside(file)?;
            let bytes = self.copy(link, |piece| fresh.add(piece)).await?;
            fresh.keep()?;
            Ok(bytes)
        }))?;
        if shell.screen.json {
            shell.screen.document(&Report { file, bytes })?;
        } else {
            shell.screen.line(file.display())?;
            shell.screen.note(format_args!("exported {}", text::size(bytes)));
        }
        Ok(Exit::Succeeded)
    }

    /// Copies the lines; gives their bytes.
    async fn copy(
        &self,
        link: &Link,
        mut write: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<u64, LinkError> {
        let what = MemoryRequest::Export { scope: self.scope.clone(), kind: self.kind, past: self.past };
        let mut pieces = link.stream(Request::Memory(what)).await?;
        let mut bytes = 0;
        while let Some(answer) = pieces.next().await {
            let answer = answer?;
            if let Response::Refused(refusal) = answer {
                return Err(refused(refusal).into());
            }
            if answer == Response::End {
                return Ok(bytes);
            }
            let Response::Piece { data } = answer else { return Err(LinkError::astray()) };
            let piece = BASE64_STANDARD.decode(data).map_err(|_| LinkError::astray())?;
            write(&piece)?;
            bytes += piece.len() as u64;
        }
        Err(LinkError::Gone)
    }
}
