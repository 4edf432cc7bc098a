//! The command line: what every command shares, and the list of commands.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, ColorChoice, Parser};

use crate::commands::Command;
use crate::exit::Exit;
use crate::screen;

/// Runs blueprints: typed graphs of steps that survive a crash and stay inside what they were granted.
#[derive(Debug, Parser)]
#[command(name = "ice", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What every command shares.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command shares.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The data folder [default: $XDG_STATE_HOME/ice, else ~/.local/state/ice]
    #[arg(long, global = true, env = "ICE_DATA", value_name = "DIR", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Write JSON to standard output, and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// Say more on standard error: warnings, nested nodes, what models stream
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Says why the command line was refused, or prints the help that was asked for.
pub(crate) fn refuse(error: &clap::Error) -> Exit {
    let text = error.render().ansi().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        screen::print(&text);
        return Exit::Succeeded;
    }
    // Without a command the help itself is the answer.
    screen::complain(&text.replacen("error:", "error[USAGE]:", 1));
    Exit::Usage
}
