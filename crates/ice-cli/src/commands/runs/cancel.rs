//! `ice runs cancel`.

use std::cell::Cell;
use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_orchestrator::control::{Request, Response};
use ice_orchestrator::journal::RunDocument;
use tokio::time::timeout;

use super::{find, with_link};
use crate::data::{DataFolder, Link, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;

/// How long the end of the run is waited for: tools have a grace period to end in.
const PATIENCE: Duration = Duration::from_secs(15);

/// Cancels a run: nothing new starts, and what is under way is told to end.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The run
    id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Cancel {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        // The owner may be gone as soon as the run has ended: what was accepted is not asked for again.
        let accepted = Cell::new(None);
        let document = shell.block_on(with_link(&folder, async |link| {
            let run = match accepted.get() {
                Some(run) => run,
                None => {
                    let run = find(link, &self.id).await?;
                    link.call(Request::Cancel { run, reason: self.reason.clone() }).await?;
                    accepted.set(Some(run));
                    run
                }
            };
            // A run that nobody drives is taken up, so that it ends.
            if let Err(LinkError::Fault(fault)) = link.call(Request::Resume { run, in_doubt: None }).await
                && fault.code != ErrorCode::RunState
            {
                return Err(LinkError::Fault(fault));
            }
            ended(link, run).await
        }))?;
        if shell.screen.json {
            shell.screen.document(&document)?;
        } else {
            shell.screen.line(format_args!("{} {}", text::status(document.status), document.id))?;
        }
        if document.status.is_final() {
            return Ok(Exit::Succeeded);
        }
        shell.screen.note("the run has not ended yet; it ends as soon as what is under way has ended");
        Ok(Exit::Waiting)
    }
}

/// The run once it has ended, or as it is after a while.
async fn ended(link: &Link, run: RunId) -> Result<Box<RunDocument>, LinkError> {
    let mut answers = link.stream(Request::Events { run, after: None, follow: true }).await?;
    let end = async {
        while let Some(answer) = answers.next().await {
            let Response::Event { event } = answer? else { break };
            if event.is_last() {
                break;
            }
        }
        Ok::<(), LinkError>(())
    };
    if let Ok(ended) = timeout(PATIENCE, end).await {
        ended?;
    }
    link.show(run).await
}
