//! The list of commands.

use clap::Subcommand;

use super::{completions::Completions, errors::Errors, validate::Validate};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// A command, with its own options.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check blueprints and draw every problem on its line
    Validate(Validate),
    /// Explain an error code, or list them all
    Errors(Errors),
    /// Print the completions of a shell
    Completions(Completions),
}

impl Command {
    /// Carries it out.
    ///
    /// # Errors
    /// [`Fault`] if it could not be done.
    pub(crate) fn run(self, shell: &Shell) -> Result<Exit, Fault> {
        match self {
            Self::Validate(command) => command.run(shell),
            Self::Errors(command) => command.run(shell),
            Self::Completions(command) => command.run(shell),
        }
    }
}
