//! `ice interpreters`: the interpreters that run code as WebAssembly.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ice_core::error::ErrorCode;
use ice_orchestrator::wasm::{Assets, Interpreter};
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::{table, text};
use crate::screen::{GREEN, YELLOW, styled};
use crate::shell::Shell;
use crate::webassembly::assets;

/// Lists and installs the interpreters with which code nodes of `engine: wasm` run Python and JavaScript.
#[derive(Debug, Args)]
pub(crate) struct Interpreters {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them, and where each can be had
    List,
    /// Check the file of one, and keep a copy of it
    Install {
        /// Its language
        language: Language,
        /// Its file, as `ice interpreters list` names it
        file: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// CPython
    Python,
    /// QuickJS
    Javascript,
}

/// An interpreter, as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    language: &'static str,
    name: &'static str,
    version: &'static str,
    installed: bool,
    file: String,
    bytes: u64,
    sha256: &'static str,
    package: &'static str,
    path: &'static str,
    licence: &'static str,
}

impl Interpreters {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let Some(assets) = assets(&shell.environment) else {
            return Err(
                Fault::usage("there is no folder for interpreters").help("set ICE_INTERPRETERS, or HOME")
            );
        };
        match &self.command {
            None | Some(Command::List) => list(shell, &assets),
            Some(Command::Install { language, file }) => {
                let interpreter = match language {
                    Language::Python => Interpreter::Python,
                    Language::Javascript => Interpreter::JavaScript,
                };
                let installed = async {
                    let installed = assets.install(interpreter, file).await;
                    installed.map_err(|error| Fault::new(ErrorCode::FileUnreadable, error.to_string()))
                };
                shell.block_on(installed)?;
                let place = assets.folder().join(interpreter.pin().file);
                shell.screen.note(format_args!("installed {}", place.display()));
                Ok(Exit::Succeeded)
            }
        }
    }
}

fn list(shell: &Shell, assets: &Assets) -> Result<Exit, Fault> {
    let rows: Vec<Row> = Interpreter::ALL
        .into_iter()
        .map(|interpreter| {
            let pin = interpreter.pin();
            let file = assets.folder().join(pin.file);
            Row {
                language: interpreter.language(),
                name: pin.name,
                version: pin.version,
                installed: file.is_file(),
                file: file.display().to_string(),
                bytes: pin.bytes,
                sha256: pin.sha256,
                package: pin.package,
                path: pin.path,
                licence: pin.licence,
            }
        })
        .collect();
    let screen = &shell.screen;
    if screen.json {
        screen.document(&rows)?;
        return Ok(Exit::Succeeded);
    }
    let shown = rows.iter().map(|row| {
        let installed = if row.installed { styled(GREEN, "yes") } else { styled(YELLOW, "no") };
        let from = format!("{} in {}", row.path, row.package);
        [
            row.language.to_owned(),
            format!("{} {}", row.name, row.version),
            installed,
            text::size(row.bytes),
            from,
        ]
    });
    screen.line(table::plain(screen, ["LANGUAGE", "INTERPRETER", "INSTALLED", "SIZE", "FROM"], shown))?;
    screen.line("")?;
    screen.line(format_args!(
        "Unpack the package, then `ice interpreters install LANGUAGE FILE`: the file is checked and kept in {}",
        assets.folder().display()
    ))?;
    Ok(Exit::Succeeded)
}
