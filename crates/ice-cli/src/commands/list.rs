//! The list of commands.

use clap::Subcommand;

use super::budgets::Budgets;
use super::chat::Chat;
use super::completions::Completions;
use super::doctor::Doctor;
use super::erase::Erase;
use super::errors::Errors;
use super::estimate::Estimate;
use super::graph::Graph;
#[cfg(feature = "wasm")]
use super::interpreters::Interpreters;
use super::memory::MemoryCommand;
use super::models::ModelsCommand;
use super::network::Networks;
use super::new::New;
use super::run::Run;
use super::runs::Runs;
use super::sandbox::Sandbox;
use super::schema::PrintSchema;
use super::seal::SealCommand;
use super::tools::Tools;
use super::validate::Validate;
use super::worker::Worker;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// A command, with its own options.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a blueprint
    Run(Box<Run>),
    /// Talk to an agent, or to a model by itself
    Chat(Box<Chat>),
    /// Check blueprints and draw every problem on its line
    Validate(Validate),
    /// Estimate what a run of a blueprint spends, before it is started
    Estimate(Estimate),
    /// Run several workflows in their order, and keep their schedules
    Network(Networks),
    /// Set and list what runs may spend together
    Budgets(Budgets),
    /// Draw a blueprint, and how its nodes stand in a run
    Graph(Graph),
    /// List, show, watch, resume and cancel runs
    Runs(Runs),
    /// Remember, find, show and forget what is known between runs
    Memory(MemoryCommand),
    /// Erase a person from memory, runs and files
    Erase(Erase),
    /// Own the data folder: carry out what others start, and resume what was left
    Worker(Worker),
    /// List and show the tools that blueprints can call
    Tools(Tools),
    /// List the providers of models, and ask whether they answer
    Models(ModelsCommand),
    /// List and install the interpreters that run code as WebAssembly
    #[cfg(feature = "wasm")]
    Interpreters(Interpreters),
    /// Make, change and tell the key of a sealed data folder
    Seal(SealCommand),
    /// Run commands in cages
    Sandbox(Sandbox),
    /// Tell what this machine can enforce on commands in cages
    Doctor(Doctor),
    /// Print the JSON Schemas of what ice reads and writes
    Schema(PrintSchema),
    /// Write a blueprint or a tool to start from
    New(New),
    /// Explain an error code, or list them all
    Errors(Errors),
    /// Print the completions of a shell
    Completions(Completions),
}

impl Command {
    /// What its span in traces is called, if it is one thing that is done and then is over.
    pub(crate) fn span(&self) -> Option<&'static str> {
        match self {
            Self::Run(_) => Some("ice run"),
            Self::Chat(_) => Some("ice chat"),
            Self::Runs(command) if command.resumes() => Some("ice runs resume"),
            Self::Runs(_)
            | Self::Validate(_)
            | Self::Estimate(_)
            | Self::Network(_)
            | Self::Budgets(_)
            | Self::Graph(_)
            | Self::Memory(_)
            | Self::Erase(_)
            | Self::Seal(_)
            | Self::Worker(_)
            | Self::Tools(_)
            | Self::Models(_)
            | Self::Sandbox(_)
            | Self::Doctor(_)
            | Self::Schema(_)
            | Self::New(_)
            | Self::Errors(_)
            | Self::Completions(_) => None,
            #[cfg(feature = "wasm")]
            Self::Interpreters(_) => None,
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// [`Fault`] if it could not be done.
    pub(crate) fn run(self, shell: &Shell) -> Result<Exit, Fault> {
        match self {
            Self::Run(command) => command.run(shell),
            Self::Chat(command) => command.run(shell),
            Self::Validate(command) => command.run(shell),
            Self::Estimate(command) => command.run(shell),
            Self::Network(command) => command.run(shell),
            Self::Budgets(command) => command.run(shell),
            Self::Graph(command) => command.run(shell),
            Self::Runs(command) => command.run(shell),
            Self::Memory(command) => command.run(shell),
            Self::Erase(command) => command.run(shell),
            Self::Seal(command) => command.run(shell),
            Self::Worker(command) => command.run(shell),
            Self::Tools(command) => command.run(shell),
            Self::Models(command) => command.run(shell),
            #[cfg(feature = "wasm")]
            Self::Interpreters(command) => command.run(shell),
            Self::Sandbox(command) => command.run(shell),
            Self::Doctor(command) => command.run(shell),
            Self::Schema(command) => command.run(shell),
            Self::New(command) => command.run(shell),
            Self::Errors(command) => command.run(shell),
            Self::Completions(command) => command.run(shell),
        }
    }
}
