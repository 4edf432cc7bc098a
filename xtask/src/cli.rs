//! The command line of xtask, and which code each command calls.

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::command::Runner;
use crate::generate::{self, ERROR_INDEX, Generator, METRICS, SCHEMAS};
use crate::guards::{self, ALL};
use crate::project::Project;
use crate::steps::{self, Goal};
use crate::{console, environment};

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
    /// Run what CI runs: the tests, then every guard. Whatever cannot be done for want of a tool is an error.
    Ci(Ci),
    /// Check the licences, sources, bans and advisories of dependencies.
    Deny,
    /// Run the fuzz targets for a bounded time.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Names of targets; none means all.
        targets: Vec<String>,
    },
    /// Say which lines of a package its tests run, and those of the program. Takes a build of its own.
    Coverage {
        /// The package: a folder in `crates`.
        #[arg(long, default_value = Goal::CI.package)]
        package: String,
        /// The least share of its lines that must be covered, in percent.
        #[arg(long, value_name = "PERCENT", default_value_t = Goal::CI.least)]
        min: f64,
        /// Run no test: tell what the tests counted when they last ran, which must have been with these sources.
        #[arg(long)]
        counted: bool,
    },
    /// Check crate edges, module tiers and I/O addresses against layers.toml.
    Layers,
    /// Write the JSON Schemas of the public documents into schemas/.
    Schemas(Generate),
    /// Write the Prometheus rules and the table of metrics into docs/generated/.
    MetricRules(Generate),
    /// Write the index of the error codes; with --check also look at every page.
    Errors(Generate),
    /// Write every generated file.
    Generate,
    /// Run the guards of the sources, all or those named.
    Guards {
        /// Names of guards.
        names: Vec<String>,
        /// List the guards instead.
        #[arg(long)]
        list: bool,
    },
}

/// Whether to write or to compare.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Generate {
    /// Compare with what is there instead of writing.
    #[arg(long)]
    check: bool,
}

/// Which steps run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ci {
    /// Only what is done within 25 minutes on two cores, from nothing.
    #[arg(long, conflicts_with = "long")]
    pub(crate) quick: bool,
    /// Also what takes hours: long fuzzing, large data, coverage, peers.
    #[arg(long)]
    pub(crate) long: bool,
    /// Stop at the first step that fails.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Only the step of this name; may be given several times.
    #[arg(long, value_name = "STEP")]
    pub(crate) only: Vec<String>,
}

/// Runs the command. `true` if everything was well.
pub(crate) fn run(cli: Cli) -> Result<bool> {
    let project = Project::find()?;
    let runner = Runner::new(&project);
    match cli.command {
        Task::Setup { strict } => Ok(crate::setup::run(&runner, strict || environment::is_ci())),
        Task::Test { arguments } => steps::test(&runner, &arguments, environment::is_ci()),
        Task::Ci(options) => steps::ci(&project, &runner, &options),
        Task::Deny => steps::deny(&project, &runner),
        Task::Fuzz { seconds, targets } => {
            Ok(steps::fuzz(&project, &runner, seconds, &targets)?.tell("fuzz"))
        }
        Task::Coverage { package, min, counted } => {
            let goal = Goal { package: &package, least: min, runs: !counted };
            Ok(steps::coverage(&project, &runner, &goal)?.tell("coverage"))
        }
        Task::Layers => guards::find("layers")?.run(&project),
        Task::Schemas(Generate { check: true }) => guards::find("schemas")?.run(&project),
        Task::MetricRules(Generate { check: true }) => guards::find("metric-rules")?.run(&project),
        Task::Errors(Generate { check: true }) => guards::find("errors")?.run(&project),
        Task::Schemas(_) => write(&project, &[SCHEMAS]),
        Task::MetricRules(_) => write(&project, &METRICS),
        Task::Errors(_) => write(&project, &[ERROR_INDEX]),
        Task::Generate => write(&project, generate::ALL),
        Task::Guards { list: true, .. } => {
            for guard in ALL {
                console::say(&format!("{:<16} {}", guard.name, guard.about));
            }
            Ok(true)
        }
        Task::Guards { names, .. } => run_guards(&project, &names),
    }
}

fn write(project: &Project, generators: &[Generator]) -> Result<bool> {
    for generator in generators {
        generator.write(project)?;
    }
    Ok(true)
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
