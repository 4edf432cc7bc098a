//! `ice memory`: what is remembered between runs.

mod command;
mod consolidate;
mod export;
mod forget;
mod import;
mod ingest;
mod list;
mod put;
mod search;
mod show;
mod stats;
mod within;

pub(crate) use command::MemoryCommand;

use ice_orchestrator::control::{MemoryRequest, MemoryResponse, Request, Response};

use crate::data::{DataFolder, Link, LinkError};
use crate::fault::Fault;
use crate::memory::MemoryFile;
use crate::shell::Shell;

use super::runs;

/// As [`runs::with_link`]; memory that a server keeps is there without a data folder, too, which is made then.
async fn with_link<T>(
    folder: &DataFolder,
    work: impl AsyncFn(&Link) -> Result<T, LinkError>,
) -> Result<T, Fault> {
    if MemoryFile::of(folder.toolbox().environment()).is_elsewhere() {
        folder.prepare()?;
    }
    runs::with_link(folder, work).await
}

/// Asks the owner of the folder, or this process in its place, something about memory that has one answer.
fn ask(shell: &Shell, folder: &DataFolder, request: &MemoryRequest) -> Result<MemoryResponse, Fault> {
    shell.block_on(with_link(folder, async |link| call(link, request.clone()).await))
}

/// Asks something about memory that has one answer.
async fn call(link: &Link, request: MemoryRequest) -> Result<MemoryResponse, LinkError> {
    let Response::Memory(response) = link.call(Request::Memory(request)).await? else {
        return Err(LinkError::astray());
    };
    Ok(response)
}
