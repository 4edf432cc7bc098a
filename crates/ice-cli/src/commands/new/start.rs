//! What there is to start from, and telling what was written.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{blueprint, command, rust};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Writes a blueprint or a tool to start from. Nothing is overwritten.
#[derive(Debug, Args)]
pub(crate) struct New {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A blueprint that runs as it is
    Blueprint {
        /// Its name: letters, digits, `_` or `-`
        name: String,
        /// The file, or a folder for it [default: NAME.yaml]
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
    },
    /// A tool that runs as it is: a manifest, a script and a blueprint that calls it; or a small Rust crate with a test
    Tool {
        /// Its name: lower-case letters, digits or `_`
        name: String,
        /// What it is written in [default: python, or rust with --ice-core]
        #[arg(long, value_name = "LANGUAGE")]
        language: Option<Language>,
        /// Its folder, which must not exist [default: NAME]
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// For a crate: the folder of the crate `ice-core`, `crates/ice-core` in the sources of ice, as no registry has
        /// it yet
        #[arg(long, value_name = "PATH")]
        ice_core: Option<PathBuf>,
    },
}

/// What a tool is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// A script with a manifest, which runs in a cage
    Python,
    /// A crate, for programs that embed ice
    Rust,
}

#[derive(Serialize)]
struct Files {
    files: Vec<PathBuf>,
}

/// What was written.
pub(super) struct Written {
    pub(super) files: Vec<PathBuf>,
    /// What to do next.
    pub(super) next: String,
}

impl New {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let Written { files, next } = match &self.what {
            What::Blueprint { name, out } => blueprint::write(name, out.as_deref())?,
            What::Tool { name, language, out, ice_core } => {
                let rust = || rust::write(name, out.as_deref(), ice_core.as_deref());
                match (language, ice_core) {
                    (Some(Language::Rust), _) | (None, Some(_)) => rust()?,
                    (Some(Language::Python), Some(_)) => {
                        let message =
                            "`--ice-core` is for a crate, and `--language python` asks for a script";
                        return Err(Fault::usage(message).help("leave one of them out"));
                    }
                    (Some(Language::Python) | None, None) => command::write(name, out.as_deref())?,
                }
            }
        };
        if shell.screen.json {
            shell.screen.document(&Files { files })?;
        } else {
            for file in &files {
                shell.screen.line(file.display())?;
            }
            shell.screen.note(next);
        }
        Ok(Exit::Succeeded)
    }
}
