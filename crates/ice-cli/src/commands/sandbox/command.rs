//! The list of what can be done with cages.

use clap::{Args, Subcommand};

use super::run::Run;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Runs commands in cages. `ice doctor` tells what a cage holds on this machine.
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run a command in a cage
    Run(Box<Run>),
}

impl Sandbox {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::Run(command) => command.run(shell),
        }
    }
}
