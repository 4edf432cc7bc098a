//! `ice validate`: everything that is wrong with blueprints, without running them.

use std::path::PathBuf;

use clap::Args;
use ice_core::diagnostic::Diagnostics;
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::load;
use crate::screen::{GREEN, styled};
use crate::shell::Shell;

/// Checks blueprints and draws every problem on the line it is about.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A further folder or file from which blueprints may be used
    #[arg(long, value_name = "PATH")]
    ro: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    blueprint_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<String>,
    diagnostics: Vec<Diagnostics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
}

impl Validate {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        shell.toolbox.registry()?;
        let granted = super::grants::readable(&self.ro)?;
        let mut reports = Vec::new();
        let mut exit = Exit::Succeeded;
        for file in &self.files {
            let loaded = match load::load(file, &granted, &shell.toolbox) {
                Ok(loaded) => loaded,
                Err(fault) => {
                    exit = worse(exit, fault.exit);
                    if shell.screen.json {
                        let file = file.display().to_string();
                        let diagnostics = Vec::new();
                        let (blueprint_id, lock) = (None, None);
                        reports.push(Report {
                            file,
                            valid: false,
                            blueprint_id,
                            lock,
                            diagnostics,
                            error: Some(fault),
                        });
                    } else {
                        shell.screen.fault(&fault);
                    }
                    continue;
                }
            };
            let valid = loaded.assembled.checked.is_some();
            if !valid {
                exit = worse(exit, Exit::Invalid);
            }
            if shell.screen.json {
                let root = loaded.assembled.parts.first();
                let reading = root.map(|part| &part.reading);
                reports.push(Report {
                    file: loaded.shown.clone(),
                    valid,
                    blueprint_id: loaded
                        .assembled
                        .checked
                        .as_ref()
                        .map(|checked| checked.blueprint().blueprint_id.to_string()),
                    lock: reading.and_then(|reading| reading.lock.as_ref()).map(ToString::to_string),
                    diagnostics: loaded.diagnostics(),
                    error: None,
                });
                continue;
            }
            loaded.tell(&shell.screen);
            if valid {
                let nodes =
                    loaded.assembled.checked.as_ref().map_or(0, |checked| checked.blueprint().nodes.len());
                let plural = if nodes == 1 { "" } else { "s" };
                shell.screen.line(format_args!(
                    "{} {}: {nodes} node{plural}",
                    styled(GREEN, "valid"),
                    loaded.shown
                ))?;
            } else {
                let fault = loaded.fault();
                shell.screen.note(format_args!("{}", fault.message));
            }
        }
        if shell.screen.json {
            shell.screen.document(&reports)?;
        }
        Ok(exit)
    }
}

/// Usage before validity before success: a file that could not be read says nothing about the rest.
const fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Usage, _) | (_, Exit::Usage) => Exit::Usage,
        (Exit::Succeeded, other) => other,
        (one, _) => one,
    }
}
