//! `ice errors`: what a code means.

use clap::Args;
use ice_core::error::ErrorCode;
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::pages;
use crate::render::table;
use crate::shell::Shell;

/// Explains an error code, or lists them all.
#[derive(Debug, Args)]
pub(crate) struct Errors {
    /// The code, by name or number: `CYCLIC_TOOL_COMPOSITION`, `1001`
    code: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    code: ErrorCode,
    number: u16,
    about: &'static str,
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    entry: Entry,
    page: Option<&'static str>,
}

impl From<ErrorCode> for Entry {
    fn from(code: ErrorCode) -> Self {
        Self { code, number: code.number(), about: code.describe() }
    }
}

impl Errors {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let screen = &shell.screen;
        let Some(wanted) = &self.code else {
            let entries: Vec<Entry> = ErrorCode::ALL.iter().copied().map(Entry::from).collect();
            if screen.json {
                screen.document(&entries)?;
            } else {
                let rows = entries
                    .iter()
                    .map(|entry| [entry.number.to_string(), entry.code.to_string(), entry.about.to_owned()]);
                screen.line(table::plain(screen, ["NUMBER", "CODE", "MEANING"], rows))?;
            }
            return Ok(Exit::Succeeded);
        };
        let upper = wanted.to_ascii_uppercase();
        let found =
            ErrorCode::ALL.iter().find(|code| code.name() == upper || code.number().to_string() == *wanted);
        let Some(code) = found.copied() else {
            return Err(
                Fault::usage(format!("`{wanted}` is no error code")).help("`ice errors` lists all of them")
            );
        };
        if screen.json {
            screen.document(&Explained { entry: Entry::from(code), page: pages::page(code) })?;
        } else {
            match pages::page(code) {
                Some(page) => screen.line(page.trim_end())?,
                None => screen.line(format_args!("{code} ({}): {}", code.number(), code.describe()))?,
            }
        }
        Ok(Exit::Succeeded)
    }
}
