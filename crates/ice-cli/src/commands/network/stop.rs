//! `ice network stop`.

use clap::Args;
use ice_orchestrator::control::{Request, Response};

use crate::commands::runs::with_link;
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;

/// Pauses the schedules of a network: nothing is started until `ice network run FILE --scheduled` goes on with them. Runs
/// that were started go on.
#[derive(Debug, Args)]
pub(super) struct Stop {
    /// The name of the network
    network: String,
    /// Remove them, so that nothing that is missed from now on is made up for
    #[arg(long)]
    forget: bool,
}

impl Stop {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        if !folder.path().exists() {
            return Err(self.nothing());
        }
        let schedules = shell.block_on(with_link(&folder, async |link| {
            let request = Request::Unschedule { network: self.network.clone(), forget: self.forget };
            let Response::Schedules { schedules } = link.call(request).await? else {
                return Err(LinkError::astray());
            };
            Ok(schedules)
        }))?;
        if schedules.is_empty() {
            return Err(self.nothing());
        }
        if shell.screen.json {
            shell.screen.document(&schedules)?;
        } else {
            let what = if self.forget { "removed" } else { "paused" };
            let many = text::count(schedules.len() as u64, "schedule");
            shell.screen.line(format_args!("{what} {many} of {}", self.network))?;
        }
        Ok(Exit::Succeeded)
    }

    fn nothing(&self) -> Fault {
        Fault::usage(format!("the network `{}` has no schedules", self.network))
            .help("`ice network list` shows those that are kept")
    }
}
