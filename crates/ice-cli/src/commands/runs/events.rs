//! `ice runs events`.

use clap::Args;
use futures::StreamExt;
use ice_core::id::RunId;
use ice_orchestrator::control::{Request, Response};
use ice_orchestrator::events::{Cursor, EventClass};

use super::{find, with_link};
use crate::data::{DataFolder, Link, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::event;
use crate::shell::Shell;
use crate::signals::Signals;

/// Prints the events of a run, with `--json` one document per line.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// The run
    id: String,
    /// Wait for further events, until the run has ended
    #[arg(short, long)]
    follow: bool,
    /// Only the events after this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
}

/// How the printing of events ended.
enum Printed {
    /// There are no further ones.
    All,
    /// Ctrl-C.
    Left,
}

impl Events {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        shell.block_on(async {
            let mut signals = Signals::listen()?;
            let after = std::cell::Cell::new(self.after);
            let signals = tokio::sync::Mutex::new(&mut signals);
            with_link(&folder, async |link| {
                let run = find(link, &self.id).await?;
                // Without another owner nobody drives the run: nothing further comes.
                let follow = self.follow && !link.is_owner();
                let mut signals = signals.lock().await;
                match print(shell, link, run, &after, follow, &mut signals).await? {
                    Printed::Left => Ok(Exit::Cancelled),
                    Printed::All => {
                        Ok(if self.follow { still(shell, link, run).await? } else { Exit::Succeeded })
                    }
                }
            })
            .await
        })
    }
}

async fn print(
    shell: &Shell,
    link: &Link,
    run: RunId,
    after: &std::cell::Cell<Option<Cursor>>,
    follow: bool,
    signals: &mut Signals,
) -> Result<Printed, LinkError> {
    let mut answers = link.stream(Request::Events { run, after: after.get(), follow }).await?;
    loop {
        let answer = tokio::select! {
            answer = answers.next() => answer,
            _ = signals.next() => return Ok(Printed::Left),
        };
        match answer {
            Some(Ok(Response::Event { event })) => {
                after.set(Some(event.cursor));
                if shell.screen.json {
                    shell.screen.record(&event)?;
                } else if event.class != EventClass::Transient || shell.global.verbose > 0 {
                    shell.screen.line(event::line(&event))?;
                }
            }
            Some(Ok(Response::Refused(refusal))) => return Err(crate::data::refused(refusal).into()),
            Some(Ok(_)) => return Ok(Printed::All),
            Some(Err(error)) => return Err(error),
            None => return Err(LinkError::Gone),
        }
    }
}

/// Says so if a run was followed that has not ended.
async fn still(shell: &Shell, link: &Link, run: RunId) -> Result<Exit, LinkError> {
    let document = link.show(run).await?;
    if document.status.is_final() {
        return Ok(Exit::Succeeded);
    }
    shell
        .screen
        .note(format_args!("the run is {}, and nobody drives it: `ice runs resume {run}`", document.status));
    Ok(Exit::Waiting)
}
