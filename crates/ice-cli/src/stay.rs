//! What every command does that drives or watches a run in the foreground.

use ice_core::id::RunId;
use ice_orchestrator::control::Assembled;
use ice_orchestrator::journal::{RunDocument, RunStatus};

use crate::data::{DataFolder, Link};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::progress::Progress;
use crate::render::{run, text};
use crate::shell::Shell;
use crate::signals::Signals;
use crate::watch::{Interrupt, Until, Watch, Watched};

/// The run that a command stays with.
#[derive(Debug)]
pub(crate) struct Watching<'b> {
    pub(crate) run: RunId,
    /// The records it had before.
    pub(crate) since: u64,
    pub(crate) until: Until,
    /// What it was started from, if that was here.
    pub(crate) blueprint: Option<&'b Assembled>,
}

/// Stays with a run, tells how it ended, and then serves others for as long as they need this process.
pub(crate) async fn stay(
    shell: &Shell,
    folder: &DataFolder,
    mut link: Link,
    watching: Watching<'_>,
    signals: &mut Signals,
) -> Result<Exit, Fault> {
    let Watching { run: id, since, until, blueprint } = watching;
    let mut progress = Progress::new(&shell.screen, shell.global.verbose);
    let interrupt = Interrupt::Cancels;
    let mut watch = Watch {
        folder,
        run: id,
        after: None,
        events: None,
        since,
        until,
        signals,
        interrupt,
        viewer: &mut progress,
        asked: false,
    };
    let watched = watch.stay(&mut link).await;
    progress.finish();
    let document = match watched {
        Ok(Watched::Over(document)) => document,
        Ok(Watched::Left(exit)) => {
            shell.screen.note(format_args!("left the run {id}: `ice runs resume {id}` goes on with it"));
            if exit != Exit::Cancelled {
                link.close().await?;
            }
            return Ok(exit);
        }
        Err(fault) => {
            // The fault says more than what closing could add to it.
            let _ = link.close().await;
            return Err(fault);
        }
    };
    let told = run::tell(&shell.screen, &document, blueprint);
    if link.is_owner() && document.questions().any(|(_, asked)| asked.due_at.is_some()) {
        shell.screen.note("  time goes on without this process, but nothing comes of it until somebody drives the run: `ice worker` does");
    }
    let closed = linger(shell, link, Some(id), signals).await;
    // Whoever stopped reading the output has still seen how the run ended.
    if let Err(fault) = told
        && !fault.told
    {
        return Err(fault);
    }
    closed?;
    Ok(exit(&document))
}

/// How the command ends for a run that stands like this.
pub(crate) const fn exit(document: &RunDocument) -> Exit {
    match document.status {
        RunStatus::Succeeded => Exit::Succeeded,
        RunStatus::Failed => Exit::Failed,
        RunStatus::Cancelled => Exit::Cancelled,
        RunStatus::Queued | RunStatus::Running | RunStatus::Waiting | RunStatus::Parked => Exit::Waiting,
    }
}

/// Stays the owner until the runs that others started here are over, then lets go.
///
/// # Errors
/// [`Fault`] if the store could not write what it had accepted.
pub(crate) async fn linger(
    shell: &Shell,
    link: Link,
    own: Option<RunId>,
    signals: &mut Signals,
) -> Result<(), Fault> {
    let Link::Owner(owner) = link else { return link.close().await };
    let mut active = owner.engine().active();
    active.retain(|run| Some(*run) != own);
    if !active.is_empty() {
        let many = text::count(active.len() as u64, "run");
        shell.screen.note(format_args!(
            "staying for {many} that others started here; Ctrl-C leaves, and others can go on with what is left"
        ));
        tokio::select! {
            () = owner.engine().drain() => {}
            _ = signals.next() => return owner.close().await,
        }
    }
    owner.retire(signals.next()).await
}
