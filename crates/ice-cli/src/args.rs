//! The command line: what every command shares, and the list of commands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, ColorChoice, Parser};

use crate::commands::Command;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::screen::{self, Screen};

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
    /// The data folder [default: ICE_DATA, else $XDG_STATE_HOME/ice, else ~/.local/state/ice]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A folder of manifests of tools, as often as needed [default: ICE_TOOLS, else $XDG_CONFIG_HOME/ice/tools, else
    /// ~/.config/ice/tools]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) tools: Vec<PathBuf>,
    /// A folder of agents that blueprints may use, as often as needed, besides the folder `agents` beside the blueprint
    /// [default: ICE_AGENTS]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) agents: Vec<PathBuf>,
    /// Where the key of a sealed data folder is: env:VARIABLE or file:PATH [default: ICE_SEAL_KEY]
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) seal_key: Option<String>,
    /// Open a damaged data folder without what is lost, and say what that is
    #[arg(long, global = true)]
    pub(crate) accept_loss: bool,
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

/// Says why the command line was refused, or prints the help that was asked for. `words` are those of the
/// command line: what a refused one says about `--json` holds all the same.
pub(crate) fn refuse(error: &clap::Error, words: impl IntoIterator<Item = OsString>) -> Exit {
    let text = error.render().ansi().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        screen::print(&text);
        return Exit::Succeeded;
    }
    // Without a command the help itself is the answer.
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    screen::complain(&if is_help { text } else { text.replacen("error:", "error[USAGE]:", 1) });
    if wants_json(words) {
        let plain = error.render().to_string();
        let fault = if is_help {
            Fault::usage("the command line names no command").help("`--help` lists what there is")
        } else {
            fault(&plain)
        };
        Screen::new(true, ColorChoice::Never).answer(&fault);
    }
    Exit::Usage
}

fn wants_json(words: impl IntoIterator<Item = OsString>) -> bool {
    words.into_iter().take_while(|word| word != "--").any(|word| word == "--json")
}

/// What clap says: the first paragraph is what is wrong, those behind it are what to do, and how to get help.
fn fault(text: &str) -> Fault {
    let flat = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n");
    let message = flat(paragraphs.next().unwrap_or_default());
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let help: Vec<String> =
        paragraphs.map(flat).filter(|paragraph| !paragraph.starts_with("For more information")).collect();
    Fault::usage(message).help(if help.is_empty() {
        "`--help` has the options".to_owned()
    } else {
        help.join("; ")
    })
}
