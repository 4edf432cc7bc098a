//! The list of what can be done with runs.

use clap::{Args, Subcommand};

use super::answer::Answer;
use super::cancel::Cancel;
use super::diff::Diff;
use super::events::Events;
use super::export::Export;
use super::fork::Fork;
use super::import::Import;
use super::list::List;
use super::migrate::Migrate;
use super::prune::Prune;
use super::replay::Replay;
use super::resume::Resume;
use super::show::Show;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Lists, shows, watches, answers, resumes, cancels, replays, forks, moves, compares, exports, imports and removes runs. An id may be cut to its first characters, and `last` is
/// the newest run.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List runs, the newest first
    List(List),
    /// Show a run with its nodes and its output
    Show(Show),
    /// Print the events of a run
    Events(Events),
    /// Answer a question of a run, or show the questions that wait
    Answer(Answer),
    /// Go on with a run that nobody drives
    Resume(Resume),
    /// Cancel a run
    Cancel(Cancel),
    /// Go through a journal again and tell what comes out differently
    Replay(Replay),
    /// Start a run where another came to a node, with something changed
    Fork(Fork),
    /// Show what came out differently in two runs
    Diff(Diff),
    /// Move a run to another blueprint, if what it did is the same over it
    Migrate(Migrate),
    /// Write a run into one file
    Export(Export),
    /// Bring a run here from its file
    Import(Import),
    /// Remove runs that have ended
    Prune(Prune),
}

impl Runs {
    /// Whether it goes on with a run.
    pub(crate) const fn resumes(&self) -> bool {
        matches!(self.what, What::Resume(_))
    }

    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::List(command) => command.run(shell),
            What::Show(command) => command.run(shell),
            What::Events(command) => command.run(shell),
            What::Answer(command) => command.run(shell),
            What::Resume(command) => command.run(shell),
            What::Cancel(command) => command.run(shell),
            What::Replay(command) => command.run(shell),
            What::Fork(command) => command.run(shell),
            What::Diff(command) => command.run(shell),
            What::Migrate(command) => command.run(shell),
            What::Export(command) => command.run(shell),
            What::Import(command) => command.run(shell),
            What::Prune(command) => command.run(shell),
        }
    }
}
