//! The list of what can be done with networks.

use clap::{Args, Subcommand};

use super::list::List;
use super::run::RunNetwork;
use super::stop::Stop;
use crate::commands::validate::Validate;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Runs networks: several workflows, each after those it needs, on demand or on a schedule.
#[derive(Debug, Args)]
pub(crate) struct Networks {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run what a network runs on demand, or keep its schedules
    Run(Box<RunNetwork>),
    /// Check networks and the blueprints they name, and draw every problem on its line
    Validate(Validate),
    /// List schedules and when they are due
    List(List),
    /// Pause the schedules of a network, or forget them
    Stop(Stop),
}

impl Networks {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::Run(command) => command.run(shell),
            What::Validate(command) => command.run(shell),
            What::List(command) => command.run(shell),
            What::Stop(command) => command.run(shell),
        }
    }
}
