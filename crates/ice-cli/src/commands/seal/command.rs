//! The list of what can be done about sealing.

use clap::{Args, Subcommand};

use super::key::MakeKey;
use super::rotate::Rotate;
use super::status::Status;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Makes the key of a sealed data folder, changes it, and tells whether a folder is sealed.
///
/// An empty folder becomes sealed when it is first opened under a key: `--seal-key` or `ICE_SEAL_KEY` names its place.
#[derive(Debug, Args)]
pub(crate) struct SealCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key and write it into a new file
    Key(MakeKey),
    /// Tell whether the data folder is sealed, and under which key
    Status(Status),
    /// Change the key of the data folder
    Rotate(Rotate),
}

impl SealCommand {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::Key(command) => command.run(shell),
            What::Status(command) => command.run(shell),
            What::Rotate(command) => command.run(shell),
        }
    }
}
