//! `ice completions`: scripts that complete the command line in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell as Dialect;

use crate::args::Cli;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Prints the completions of a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell; for example `ice completions bash > ~/.local/share/bash-completion/completions/ice`
    dialect: Dialect,
}

impl Completions {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let mut script = Vec::new();
        clap_complete::generate(self.dialect, &mut Cli::command(), "ice", &mut script);
        shell.screen.raw(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Succeeded)
    }
}
