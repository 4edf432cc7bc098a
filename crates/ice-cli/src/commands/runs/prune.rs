//! `ice runs prune`.

use std::time::Duration;

use clap::Args;
use ice_core::quantity::span;
use ice_orchestrator::control::{PruneQuery, Request, Response};
use ice_orchestrator::journal::RunStatus;

use crate::data::{DataFolder, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::linger;

use super::list::status;

/// Removes runs that have ended, with everything that only they need. Runs that have not ended stay.
#[derive(Debug, Args)]
pub(super) struct Prune {
    /// Only those whose last step is older than this: a number with s, m, h or d behind it
    #[arg(long, value_name = "SPAN", value_parser = span)]
    older_than: Duration,
    /// Only those that ended so
    #[arg(long, value_parser = status)]
    status: Option<RunStatus>,
    /// Keep the newest so many all the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep: usize,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
}

impl Prune {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        let query = PruneQuery {
            older_than_ms: u64::try_from(self.older_than.as_millis()).unwrap_or(u64::MAX),
            status: self.status,
            keep: self.keep,
            dry_run: self.dry_run,
        };
        let pruned = shell.block_on(async {
            let mut signals = Signals::listen()?;
            let link = access(&folder, Role::Run).await?;
            let answer = link.call(Request::Prune(query)).await;
            let closed = linger(shell, link, None, &mut signals).await;
            let answer = answer.map_err(Fault::from)?;
            closed?;
            if let Response::Pruned(pruned) = answer { Ok(pruned) } else { Err(LinkError::astray().into()) }
        })?;
        if shell.screen.json {
            shell.screen.document(&pruned)?;
            return Ok(Exit::Succeeded);
        }
        for run in &pruned.runs {
            shell.screen.line(run)?;
        }
        let many = text::count(pruned.runs.len() as u64, "run");
        if self.dry_run {
            shell.screen.note(format_args!("{many} would be removed"));
        } else {
            let blobs = text::count(pruned.blobs, "blob");
            shell.screen.note(format_args!("removed {many} and {blobs} ({})", text::size(pruned.blob_bytes)));
        }
        Ok(Exit::Succeeded)
    }
}
