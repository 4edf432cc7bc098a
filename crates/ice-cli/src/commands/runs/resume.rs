//! `ice runs resume`.

use clap::{Args, ValueEnum};
use ice_core::error::ErrorCode;
use ice_orchestrator::control::Request;
use ice_orchestrator::journal::Decision;

use super::find;
use crate::data::{DataFolder, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::run;
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::{self, Watching, stay};
use crate::watch::Until;

/// Goes on with a run that was left, and stays until it has ended or is parked again.
#[derive(Debug, Args)]
pub(super) struct Resume {
    /// The run
    id: String,
    /// What to do about effects that may or may not have happened
    #[arg(long, value_enum, value_name = "DECISION")]
    in_doubt: Option<InDoubt>,
    /// Stay through questions and parking, until the run has ended
    #[arg(long)]
    wait: bool,
}

/// What to do about an effect that may or may not have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InDoubt {
    /// Do it again
    Repeat,
    /// Count the node as failed
    Fail,
}

impl From<InDoubt> for Decision {
    fn from(decision: InDoubt) -> Self {
        match decision {
            InDoubt::Repeat => Self::Repeat,
            InDoubt::Fail => Self::Fail,
        }
    }
}

impl Resume {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::existing(shell)?;
        shell.block_on(self.resume(shell, &folder))
    }

    async fn resume(&self, shell: &Shell, folder: &DataFolder) -> Result<Exit, Fault> {
        let mut signals = Signals::listen()?;
        loop {
            let link = access(folder, Role::Run).await?;
            let asked = async {
                let run = find(&link, &self.id).await?;
                let in_doubt = self.in_doubt.map(Decision::from);
                let since = link.show(run).await?.records;
                link.call(Request::Resume { run, in_doubt }).await.map(|_| (run, since))
            };
            match asked.await {
                Ok((run, since)) => {
                    let until = if self.wait { Until::Ended } else { Until::Parked };
                    let watching = Watching { run, since, until, blueprint: None };
                    return stay(shell, folder, link, watching, &mut signals).await;
                }
                Err(LinkError::Gone) => {}
                Err(LinkError::Fault(fault)) if fault.code == ErrorCode::RunState => {
                    // A run that has ended is told as it ended.
                    let run = find(&link, &self.id).await;
                    let shown = match run {
                        Ok(run) => link.show(run).await,
                        Err(error) => Err(error),
                    };
                    link.close().await?;
                    let Ok(document) = shown else { return Err(fault) };
                    if !document.status.is_final() {
                        return Err(fault);
                    }
                    shell.screen.note("the run has ended already");
                    run::tell(&shell.screen, &document, None)?;
                    return Ok(stay::exit(&document));
                }
                Err(LinkError::Fault(fault)) => {
                    // The fault says more than what closing could add to it.
                    let _ = link.close().await;
                    return Err(fault);
                }
            }
        }
    }
}
