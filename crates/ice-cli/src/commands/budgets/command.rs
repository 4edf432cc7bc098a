//! The list of what can be done with shared budgets.

use clap::{Args, Subcommand};

use super::list::List;
use super::set::{Remove, Set};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Budgets that runs share: all of the data folder, or those of one blueprint.
#[derive(Debug, Args)]
pub(crate) struct Budgets {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Set what runs may spend together
    Set(Set),
    /// List shared budgets, and what is left of them
    List(List),
    /// Remove a shared budget, with what was spent of it
    Remove(Remove),
}

impl Budgets {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::Set(command) => command.run(shell),
            What::List(command) => command.run(shell),
            What::Remove(command) => command.run(shell),
        }
    }
}
