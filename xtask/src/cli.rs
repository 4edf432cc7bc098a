//! The command line of xtask, and which code each command calls.

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::command::Runner;
use crate::guards::{self, ALL};
use crate::project::Project;
use crate::{console, environment, steps};

/// The project's commands: setup, tests, guards, generators.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_version_flag = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what tests and guards need beyond Rust, and say what cannot be had.
    Setup {
        /// A tool that is missing is an error, as it is in CI.
        #[arg(long)]
        strict: bool,
    },
    /// Install what is needed, then run every test.
    Test {
        /// Arguments for `cargo nextest run`, for example a filter. Doctests run only without any.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run what CI runs: the tests, then every guard.
    Ci(Ci),
    /// Check crate edges, module tiers and I/O addresses against layers.toml.
    Layers,
    /// Run the guards of the sources, all or those named.
    Guards {
        /// Names of guards.
        names: Vec<String>,
        /// List the guards instead.
        #[arg(long)]
        list: bool,
    },
}

/// Which steps run.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Ci {
    /// Only what is done within 25 minutes on two cores, from nothing.
    #[arg(long, conflicts_with = "long")]
    pub(crate) quick: bool,
    /// Also what takes hours: long fuzzing, large data, peers.
    #[arg(long)]
    pub(crate) long: bool,
    /// Stop at the first step that fails.
    #[arg(long)]
    pub(crate) fail_fast: bool,
}

/// Runs the command. `true` if everything was well.
pub(crate) fn run(cli: Cli) -> Result<bool> {
    let project = Project::find()?;
    let runner = Runner::new(&project);
    match cli.command {
        Task::Setup { strict } => crate::setup::run(&runner, strict || environment::is_ci()),
        Task::Test { arguments } => steps::test(&runner, &arguments),
        Task::Ci(options) => steps::ci(&project, &runner, options),
        Task::Layers => guards::find("layers")?.run(&project),
        Task::Guards { list: true, .. } => {
            for guard in ALL {
                console::say(&format!("{:<16} {}", guard.name, guard.about));
            }
            Ok(true)
        }
        Task::Guards { names, .. } => run_guards(&project, &names),
    }
}

fn run_guards(project: &Project, names: &[String]) -> Result<bool> {
    let chosen = match names {
        [] => ALL.iter().collect(),
        names => names.iter().map(|name| guards::find(name)).collect::<Result<Vec<_>>>()?,
    };
    let mut good = true;
    for guard in chosen {
        good &= guard.run(project)?;
    }
    Ok(good)
}
