//! The list of what can be done with memory.

use clap::{Args, Subcommand};

use super::consolidate::Consolidate;
use super::export::Export;
use super::forget::Forget;
use super::import::Import;
use super::ingest::Ingest;
use super::list::List;
use super::put::Put;
use super::search::Search;
use super::show::Show;
use super::stats::Stats;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Remembers, finds, shows, lists, counts, forgets, tidies up, exports, imports and ingests what is remembered between runs.
#[derive(Debug, Args)]
pub(crate) struct MemoryCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Remember a text
    Put(Box<Put>),
    /// Search by words, the best first
    Search(Box<Search>),
    /// Show an entry, or what a key stands for
    Show(Show),
    /// List entries, the newest first
    List(Box<List>),
    /// Forget an entry, a person, what a run remembered, or a scope
    Forget(Forget),
    /// Tell how much is remembered
    Stats(Stats),
    /// Write memory out as lines of JSON
    Export(Export),
    /// Take in what was exported
    Import(Import),
    /// Take in documents: files, and folders of them
    Ingest(Box<Ingest>),
    /// Make what says the same one, summarise old episodes, let go of what is over
    Consolidate(Box<Consolidate>),
}

impl MemoryCommand {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::Put(command) => command.run(shell),
            What::Search(command) => command.run(shell),
            What::Show(command) => command.run(shell),
            What::List(command) => command.run(shell),
            What::Forget(command) => command.run(shell),
            What::Stats(command) => command.run(shell),
            What::Export(command) => command.run(shell),
            What::Import(command) => command.run(shell),
            What::Ingest(command) => command.run(shell),
            What::Consolidate(command) => command.run(shell),
        }
    }
}
