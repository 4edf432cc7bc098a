//! `ice models`: the providers of models, whether they answer, and what their models cost.

mod list;
mod ping;

use clap::{Args, Subcommand};

pub(crate) use list::split;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Lists providers of models and asks whether they answer.
#[derive(Debug, Args)]
pub(crate) struct ModelsCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the providers; with one, its models and what they cost
    List {
        /// The provider
        provider: Option<String>,
    },
    /// Ask a model for one word, and tell how long it took
    Ping {
        /// The model, as PROVIDER/MODEL; with PROVIDER alone, the models that its server has
        model: String,
    },
}

impl ModelsCommand {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::List { provider: None } => list::providers(shell)?,
            What::List { provider: Some(name) } => list::models(shell, name)?,
            What::Ping { model } => return ping::ping(shell, model),
        }
        Ok(Exit::Succeeded)
    }
}
